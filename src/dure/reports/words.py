"""The words of reports in English and Korean. A key missing from the table is shown as it is (names, policies,
models)."""

from __future__ import annotations

from typing import Final

from dure.errors import UnknownName

LANGUAGES: Final = ("en", "ko")
_WORDS: Final[dict[str, tuple[str, str]]] = {
    # the page
    "report": ("Simulation report", "모의실험 보고서"),
    "title_one": ("{policy} on {fleet}", "{fleet}: {policy} 정책"),
    "title_many": ("{count} policies on {fleet}", "{fleet}: 정책 {count}개 비교"),
    "show_table": ("Show as a table", "표로 보기"),
    "table_more": (
        "{count} more rows are in the CSV and JSON output.",
        "나머지 {count}행은 CSV와 JSON 출력에 있습니다.",
    ),
    "best": ("best of its column", "해당 열에서 가장 좋음"),
    "stopped": (
        "This run was stopped before its end; the figures cover what was finished.",
        "중간에 멈춘 실행입니다. 수치는 끝난 부분만 나타냅니다.",
    ),
    "made_by": (
        "Made by Dure. Opens offline; every chart has its table; same inputs and seed give the same figures.",
        "두레가 만든 보고서입니다. 오프라인에서 열리며, 모든 그래프에 표가 있고, 같은 입력과 시드는 "
        "같은 수치를 냅니다.",
    ),
    "fleet": ("Fleet", "자원"),
    "workload": ("Workload", "작업 부하"),
    "scenario": ("Scenario", "시나리오"),
    "span": ("Time covered", "기간"),
    "seeds": ("Seeds", "시드"),
    "accelerators_in": ("{count} accelerators, {sites} sites", "가속기 {count}개, 센터 {sites}곳"),
    "jobs_in": ("{count} jobs, {projects} projects", "작업 {count}개, 과제 {projects}개"),
    # findings
    "find_wait": (
        "{policy} has the shortest mean wait, {wait}; {other} the longest, {longest}.",
        "평균 대기가 가장 짧은 정책은 {policy}({wait}), 가장 긴 정책은 {other}({longest})입니다.",
    ),
    "find_wait_one": ("Jobs wait {wait} on average.", "작업은 평균 {wait} 기다립니다."),
    "find_who": (
        "Under {policy}, jobs of {size} accelerators wait longest: {wait} on average.",
        "{policy}에서는 가속기 {size}개 작업이 평균 {wait}로 가장 오래 기다립니다.",
    ),
    "find_why": (
        "The main reason there is \u201c{reason}\u201d: {share} of the accelerator-hours waited.",
        "그 대기의 주된 이유는 \u2018{reason}\u2019로, 대기한 가속기 시간의 {share}입니다.",
    ),
    "find_use": (
        "The fleet is {use} used at best ({policy}).",
        "자원 이용률은 최고 {use}입니다({policy}).",
    ),
    # sections
    "comparison": ("Comparison", "비교"),
    "comparison_lead": (
        "Means over seeds. The best value of each column is marked.",
        "시드 평균입니다. 각 열에서 가장 좋은 값에 표시했습니다.",
    ),
    "difference": ("Difference to {baseline}", "{baseline} 대비 차이"),
    "difference_lead": (
        "Waits and slowdowns are compared job by job on the same workload. The interval is the 95 % t-interval over "
        "seeds, paired by seed; with one seed there is none.",
        "대기와 지연 배수는 같은 부하에서 작업끼리 짝지어 비교했습니다. 구간은 시드별로 짝지은 95% t-구간이며, "
        "시드가 하나면 구간이 없습니다.",
    ),
    "who_waits": ("Who waits, how long, and why", "누가, 얼마나, 왜 기다리는가"),
    "who_waits_lead": (
        "A wait runs from submission (or the earliest start asked for) to the first start; for a job that never "
        "started, to "
        "the end of the run.",
        "대기는 제출(또는 요청한 최초 시작 시각)부터 첫 시작까지이며, 시작하지 못한 작업은 실행이 끝날 때까지입니다.",
    ),
    "utilisation_time": ("Utilisation over time", "시간별 이용률"),
    "utilisation_time_lead": (
        "Accelerators held as a share of those delivered, by model. Nodes in maintenance or failed count as delivered.",
        "인도된 가속기 가운데 점유된 비율입니다(모델별). 점검 중이거나 고장 난 노드도 인도된 것으로 셉니다.",
    ),
    "queue_time": ("Queue over time", "시간별 대기열"),
    "queue_time_lead": (
        "Jobs that wait, and the accelerators they ask for.",
        "기다리는 작업 수와 그 작업들이 요청한 가속기 수입니다.",
    ),
    "wait_size": ("Wait by job size", "작업 크기별 대기"),
    "wait_size_lead": (
        "The bar goes from the median to the 95th percentile, the line on to the 99th; the dot is the mean. Hours, "
        "on a "
        "scale that is linear up to 0.1 h and logarithmic above.",
        "막대는 중앙값에서 95백분위까지, 선은 99백분위까지, 점은 평균입니다. 단위는 시간이며, 축은 0.1시간까지 선형, "
        "그 위로는 로그입니다.",
    ),
    "wait_kind": ("Wait by job kind", "작업 종류별 대기"),
    "wait_project": ("Wait by project", "과제별 대기"),
    "reasons": ("Why jobs waited", "대기 이유"),
    "reasons_lead": (
        "Accelerator-hours waited (wait \u00d7 accelerators asked for), by the last reason before the start.",
        "시작 직전의 이유별로 본, 대기한 가속기 시간(대기 시간 \u00d7 요청한 가속기 수)입니다.",
    ),
    "node_map": ("Who had which accelerator when", "가속기 점유 현황"),
    "node_map_lead": (
        "One row per accelerator, nodes divided by lines; {policy}, seed {seed}.",
        "한 줄이 가속기 하나이며 선으로 노드를 나눕니다. {policy}, 시드 {seed}.",
    ),
    "awards": ("Awards", "배정"),
    "awards_lead": (
        "What each application of the call asked, was awarded by the announced rule, and spent in this run under the "
        "first policy; and what other rules would have awarded.",
        "공모의 각 신청이 요청한 양, 공고된 규칙에 따라 배정된 양, 첫 번째 정책의 실행에서 사용한 양과, "
        "다른 규칙이었다면 배정되었을 양입니다.",
    ),
    "rules": ("The same call under other rules", "다른 규칙을 적용한 결과"),
    "rule": ("rule", "규칙"),
    "project": ("project", "과제"),
    "track": ("track", "분야"),
    "score": ("score", "점수"),
    "asked": ("asked", "요청"),
    "awarded": ("awarded", "배정"),
    "spent": ("spent", "사용"),
    "refunded": ("refunded", "환급"),
    "remaining": ("remaining", "잔여"),
    "why": ("why", "이유"),
    "live": ("Jobs that ran for real", "실제로 실행된 작업"),
    "live_lead": (
        "Real processes of awarded projects on this machine, under the local engine. The node {node} was made to fail on "
        "the way: what ran there was started again from its save point, and the lost time refunded.",
        "배정받은 과제의 실제 프로세스를 이 컴퓨터에서 로컬 엔진으로 실행했습니다. 도중에 노드 {node}에 장애를 "
        "일으켰고, 그 위의 작업은 저장점에서 다시 시작되었으며 잃은 시간은 환급되었습니다.",
    ),
    "job_name": ("name", "이름"),
    "attempt": ("attempt", "시도"),
    "pool": ("pool", "풀"),
    "ran": ("ran", "실행 시간"),
    "ended": ("ended by", "종료"),
    "cause": ("cause", "까닭"),
    "units_project": ("Units by project", "과제별 사용 유닛"),
    "units_project_lead": (
        "What each project was charged, at the fleet's unit rates.",
        "자원의 유닛 단가에 따라 각 과제에 부과된 양입니다.",
    ),
    "delivered": ("Use by model, site and vendor country", "모델, 센터, 제조국별 이용"),
    "use_model": ("Use by model", "모델별 이용"),
    "use_site": ("Use by site", "센터별 이용"),
    "use_country": ("Use by vendor country", "제조국별 이용"),
    "energy_site": ("Energy by site", "센터별 에너지"),
    "energy_site_lead": (
        "Facility energy: idle and busy power times PUE. Power figures come from datasheets; the idle share is "
        "assumed. "
        "Blank: the site gives no grid intensity or tariff.",
        "유휴 및 사용 전력에 PUE를 곱한 시설 에너지입니다. 전력은 제품 사양에서 왔고 유휴 비율은 "
        "가정입니다. 빈칸은 센터의 "
        "전력 탄소집약도나 요금이 없다는 뜻입니다.",
    ),
    "all_metrics": ("All metrics", "전체 지표"),
    # columns
    "policy": ("policy", "정책"),
    "seed_count": ("seeds", "시드 수"),
    "group_size": ("accelerators", "가속기 수"),
    "group_kind": ("kind", "종류"),
    "group_project": ("project", "과제"),
    "group_model": ("model", "모델"),
    "group_site": ("site", "센터"),
    "group_country": ("vendor country", "제조국"),
    "group_reason": ("reason", "이유"),
    "metric": ("metric", "지표"),
    "formula": ("formula", "정의"),
    "jobs": ("jobs", "작업"),
    "waits": ("waits", "대기 횟수"),
    "waited_jobs": ("jobs that waited", "기다린 작업"),
    "worst_size": ("longest-waiting size", "가장 오래 기다린 크기"),
    "worst_project": ("longest-waiting project", "가장 오래 기다린 과제"),
    "worst_wait": ("its mean wait", "그 평균 대기"),
    "main_reason": ("main reason", "주된 이유"),
    "main_share": ("its share", "그 비중"),
    "unstarted": ("never started", "미시작"),
    "held_h": ("held", "점유"),
    "capacity_h": ("delivered", "인도"),
    "accelerator_h": ("waited", "대기량"),
    "share": ("share", "비중"),
    "utilisation": ("utilisation", "이용률"),
    "wait": ("wait", "대기"),
    "slowdown": ("slowdown", "지연 배수"),
    "wait_mean": ("wait, mean", "평균 대기"),
    "wait_median": ("wait, median", "대기 중앙값"),
    "wait_p95": ("wait, p95", "대기 p95"),
    "wait_p99": ("wait, p99", "대기 p99"),
    "slowdown_mean": ("slowdown, mean", "평균 지연 배수"),
    "slowdown_median": ("slowdown, median", "지연 배수 중앙값"),
    "slowdown_p95": ("slowdown, p95", "지연 배수 p95"),
    "slowdown_p99": ("slowdown, p99", "지연 배수 p99"),
    "never_started": ("never started", "미시작"),
    "refused": ("refused", "거절"),
    "makespan": ("makespan", "총 소요 시간"),
    "goodput": ("goodput", "유효 처리율"),
    "lost": ("lost", "손실"),
    "jain_service": ("Jain, service", "제인 지수(제공량)"),
    "jain_pace": ("Jain, pace", "제인 지수(속도)"),
    "worst_finish_time_fairness": ("worst finish-time fairness", "최악 완료시간 공정성"),
    "fragmentation": ("fragmentation", "단편화"),
    "units": ("units", "유닛"),
    "largest_country_share": ("largest vendor country", "최대 제조국 비중"),
    "energy": ("energy", "에너지"),
    "carbon": ("carbon", "탄소"),
    "cost": ("electricity cost", "전기 요금"),
    "currency": ("currency", "통화"),
    "country": ("country", "국가"),
    "pace": ("pace", "속도"),
    "service": ("served of asked", "요청 대비 제공"),
    "asked_h": ("asked", "요청"),
    "served_h": ("served", "제공"),
    "finish_time_fairness": ("finish-time fairness", "완료시간 공정성"),
    "low": ("from", "하한"),
    "high": ("to", "상한"),
    "sooner": ("jobs sooner", "빨라진 작업"),
    "later": ("jobs later", "늦어진 작업"),
    "others": ("others", "그 밖"),
    # axes
    "time_d": ("days from the start", "시작 후 일수"),
    "time_h": ("hours from the start", "시작 후 시간"),
    "waiting_jobs": ("jobs waiting", "대기 작업"),
    "waiting_accelerators": ("accelerators asked for", "요청 가속기"),
    "wait_h": ("wait (h)", "대기(시간)"),
    "accelerator_hours": ("accelerator-hours", "가속기 시간"),
    "accelerator": ("accelerator", "가속기"),
    "job": ("job", "작업"),
    "node": ("node", "노드"),
    "begin": ("start", "시작"),
    "end": ("end", "끝"),
    "most": ("at most", "최대"),
    "mean_wait_difference": ("difference of mean wait (h)", "평균 대기 차이(시간)"),
    # kinds
    "training": ("training", "학습"),
    "batch": ("batch", "배치"),
    "evaluation": ("evaluation", "평가"),
    "interactive": ("interactive", "대화형"),
    "service_kind": ("service", "서비스"),
    "lease": ("lease", "임대"),
    # refusals, as reasons
    "none": ("starts at the next pass", "다음 배정에서 시작"),
    "never_fits": ("never fits this fleet", "이 자원에는 들어갈 수 없음"),
    "no_such_model": ("no acceptable model", "허용 모델 없음"),
    "over_project_limit_ever": ("over the project's limit", "과제 한도 초과"),
    "over_budget_ever": ("over the project's budget", "과제 예산 초과"),
    "not_yet": ("its earliest start lies ahead", "최초 시작 시각 전"),
    "budget": ("the project's units left do not cover it", "남은 유닛 부족"),
    "project_limit": ("the project is at its limit", "과제 동시 사용 한도"),
    "nodes_down": ("nodes are down", "노드 중단"),
    "power_cap": ("a site's power cap", "센터 전력 상한"),
    "reserved": ("the place is promised to another job", "다른 작업에 예약됨"),
    "order": ("an earlier job goes first", "앞선 작업 우선"),
    "no_room": ("no free place of its shape", "맞는 빈자리 없음"),
    # pledges
    "pl_report": ("Pledges and records", "공약과 기록"),
    "pl_title_of": ("{programme}: promised and delivered by {date}", "{programme}: {date}까지의 공약과 이행"),
    "pl_promises": ("Promised beside delivered", "공약과 이행"),
    "pl_promises_lead": (
        "What was promised in public, beside what the programme's own records show. “No record” means that nobody "
        "measured it, not that it was missed.",
        "공개 문서의 약속을 두레 자체 기록과 나란히 놓았습니다. ‘기록 없음’은 재지 않았다는 뜻이며, 이행하지 않았다는 "
        "뜻이 아닙니다.",
    ),
    "pl_aim_money": ("Money", "예산"),
    "pl_aim_quantity": ("Compute, chips and people", "연산 자원·칩·사람"),
    "pl_aim_share": ("Shares", "비율"),
    "pl_aim_rank": ("Standing", "순위"),
    "pl_aim_multiplier": ("Growth", "성장"),
    "pl_aim_milestone": ("Milestones", "이정표"),
    "pl_milestone": ("a milestone", "이정표"),
    "pl_evidence": ("Sentences it rests on", "근거 문장"),
    "pl_asked": ("What was asked of the records", "기록에 물은 것"),
    "pl_gaps": ("Gaps", "빈틈"),
    "pl_gaps_lead": (
        "Promises that no record measures, that documents contradict, or that name no date.",
        "기록이 없거나, 문서끼리 어긋나거나, 기한이 없는 공약입니다.",
    ),
    "pl_gap_record": ("no record measures it", "재는 기록이 없음"),
    "pl_gap_deadline": ("no date by which", "기한 없음"),
    "pl_find_count": (
        "{count} pledges: {kept} kept, {partly} partly, {going} not yet due, {silent} without a record, {missed} missed.",
        "공약 {count}건: 지킴 {kept}, 일부 {partly}, 기한 전 {going}, 기록 없음 {silent}, 못 지킴 {missed}.",
    ),
    "pl_find_disputed": ("Disputed among documents: {count}.", "{count}건은 문서끼리 다툼이 있습니다."),
    "pl_read": ("What the documents say", "문서에서 읽은 것"),
    "pl_documents": ("Documents", "문서"),
    "pl_document": ("document", "문서"),
    "pl_actor": ("who", "누가"),
    "pl_promised": ("promised", "약속"),
    "pl_by": ("by when", "언제까지"),
    "pl_stance": ("stance", "태도"),
    "pl_flags": ("flags", "표시"),
    "pl_sentence": ("sentence", "문장"),
    "pl_pledge": ("pledge", "공약"),
    "pl_title": ("what", "무엇을"),
    "pl_delivered": ("delivered", "이행"),
    "pl_ratio": ("of it", "이행률"),
    "pl_state": ("state", "상태"),
    "pl_firmness": ("firmness", "확정 정도"),
    "pl_claim": ("claim", "주장"),
    "pl_published": ("published", "발행일"),
    "pl_measure": ("measure", "척도"),
    "pl_why": ("why", "이유"),
    "pl_query": ("query", "질의"),
    "pl_source": ("record of", "기록 주체"),
    "pl_gap": ("gap", "빈틈"),
    "pl_as_of": ("As of", "기준일"),
    "pl_status": ("status", "상태"),
    "pl_language": ("language", "언어"),
    "pl_mentions": ("mentions", "언급"),
    "pl_copy_of": ("copy of", "같은 글"),
    "pl_reason": ("reason", "이유"),
    "sum_least": ("at least {sum}", "{sum} 이상"),
    "sum_most": ("up to {sum}", "최대 {sum}"),
    "sum_about": ("about {sum}", "약 {sum}"),
    "sum_rank": ("top {rank}", "{rank}위 이내"),
    "sum_times": ("{times}-fold", "{times}배"),
    "sum_unknown": ("{sum} in an unknown currency", "{sum} (통화 모름)"),
    "count_accelerators": ("{count} accelerators", "가속기 {count}개"),
    "count_chips": ("{count} chips", "칩 {count}개"),
    "count_servers": ("{count} servers", "서버 {count}대"),
    "count_people": ("{count} people", "{count}명"),
    "count_sites": ("{count} sites", "{count}곳"),
    "count_organisations": ("{count} organisations", "기관·기업 {count}곳"),
    "count_projects": ("{count} projects", "과제 {count}개"),
    "count_models": ("{count} models", "모델 {count}개"),
    "count_jobs": ("{count} jobs", "일자리 {count}개"),
    "count_countries": ("{count} countries", "{count}개국"),
    "count_units": ("{count} units", "{count}유닛"),
    "commitment": ("commitment", "확약"),
    "aim": ("aim", "목표"),
    "fact": ("reported fact", "사실 보도"),
    "opinion": ("opinion", "의견"),
    "unclear": ("unclear", "불분명"),
    "not_due": ("not yet due", "기한 전"),
    "no_record": ("no record", "기록 없음"),
    "in_progress": ("in progress", "진행 중"),
    "kept": ("kept", "지킴"),
    "partly": ("partly kept", "일부 지킴"),
    "missed": ("missed", "못 지킴"),
    "superseded": ("superseded", "대체됨"),
    "withdrawn": ("withdrawn", "철회됨"),
    "statement": ("statement", "발언"),
    "budgeted": ("budgeted", "예산 반영"),
    "contracted": ("contracted", "계약"),
    "legislated": ("legislated", "법제화"),
    "claimed": ("claimed", "주장"),
    "corroborated": ("corroborated", "교차 확인"),
    "disputed": ("disputed", "다툼 있음"),
    "unsupported": ("unsupported", "근거 없음"),
}


class Words:
    """The table in one language. `words("wait_mean")`, `words("find_why", reason=...)`. Raises UnknownName for a
    language."""

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise UnknownName("language", language, LANGUAGES)
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with its places filled in."""
        text = _WORDS[key][LANGUAGES.index(self.language)] if key in _WORDS else key
        return text.format(**values) if values else text
