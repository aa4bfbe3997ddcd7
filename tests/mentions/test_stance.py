"""The five stances by rules: a table of sentences in two languages, and bounded time on hostile ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.amounts import amounts
from dure.mentions.cues import ENGLISH_CUES, english_matches
from dure.mentions.model import Amount, Stance
from dure.mentions.stance import PROMISING, cues, stance

# stance | what the sum is written as, or "-" for a milestone | sentence
TABLE = """
commitment|2 trillion won|The government will invest 2 trillion won in the centre by 2028.
commitment|15,000 GPUs|The ministry has decided to buy 15,000 GPUs next year.
commitment|C$2 billion|Ottawa has set aside C$2 billion for sovereign compute.
commitment|1.4 trillion won|The 2026 budget allocates 1.4 trillion won to accelerators.
commitment|$500 million|The cabinet approved $500 million for the programme on Monday.
commitment|£1 billion|The UK pledged £1 billion to scale up its compute.
commitment|€10 billion|The Commission announced a €10 billion package for AI factories.
aim|5,000 researchers|The agency plans to train 5,000 researchers over three years.
commitment|50,000 GPUs|Samsung signed a contract to purchase 50,000 GPUs.
commitment|3 trillion won|The minister said the government would spend 3 trillion won on data centres by 2030.
commitment|94.6 billion won|A total of 94.6 billion won has been earmarked for the lab.
commitment|2.5 trillion won|About 2.5 trillion won will be injected into the project by 2027.
commitment|30 MW|The site, to be completed in 2027, will draw 30 MW.
commitment|$1.5 billion|The country is allocating $1.5 billion over the next five years.
commitment|40 percent|The state agreed to cover 40 percent of the construction cost.
commitment|$9 billion|It has committed $9 billion to chips.
aim|top three|South Korea aims to be among the top three AI powers by 2028.
aim|10%|The plan is to raise investment, with the goal of a 10% share by 2030.
aim|50,000 GPUs|Seoul is seeking to secure 50,000 GPUs by 2030.
aim|top three|The government plans to become one of the top three in AI.
aim|100 exaflops|Its target of 100 exaflops stands for 2030.
aim|20%|The firm hopes to win 20% of the market.
aim|top five|Canada will invest $2 billion to become a top five AI nation.
aim|200,000 people|The ministry has set a target of 200,000 people trained by 2030.
aim|fivefold|It wants to expand capacity fivefold by 2029.
aim|10%|The president announced an investment, aiming to secure a 10% or more share by 2030.
aim|50 percent|The government plans to raise the share of domestic chips to 50 percent.
fact|80%|Nvidia controls over 80% of the market.
fact|1,000 GPUs|The centre received 1,000 GPUs in March.
fact|300 billion won|Last year the ministry spent 300 billion won on compute.
fact|2,000 GPUs|The country currently has 2,000 GPUs.
fact|12 projects|So far 12 projects have been selected.
fact|25%|Exports rose 25% in 2024.
fact|30 MW|The facility was opened in 2023 with 30 MW.
fact|1,500 students|The school trained 1,500 students last year.
fact|$3 billion|The company raised $3 billion in two rounds.
opinion|$10 billion|Experts warn that $10 billion is not enough.
opinion|100,000 GPUs|The country should secure 100,000 GPUs, he argued.
opinion|5 GW|Demand is expected to reach 5 GW by 2030.
opinion|3 trillion won|The gap could widen to 3 trillion won.
opinion|30%|Analysts say prices will fall 30% next year.
opinion|1 trillion won|The project may cost 1 trillion won.
opinion|$1 trillion|The market is projected to grow to $1 trillion.
aim|-|The government has announced plans to support open-source models.
commitment|-|The two countries agreed to share best practices.
aim|-|The ministry intends to turn the talks into a joint initiative.
aim|-|The government is pursuing the adoption of domestic chips.
fact|-|The minister met his counterpart in Seoul.
unclear|-|A long road, and no map.
commitment|2조원|정부는 2027년까지 2조원을 투입하기로 했다.
commitment|1만5천 장|과기정통부는 GPU 1만5천 장을 내년 상반기 구매할 계획이라고 밝혔다.
commitment|1조4천억원|정부는 추가경정예산에 1조4천억원을 편성했다.
commitment|500억원|내년에 500억원을 지원한다고 밝혔다.
commitment|3000명|3년간 인재 3000명을 양성할 방침이다.
commitment|10조원|대통령은 10조원을 투자하겠다고 말했다.
commitment|2조5000억원|국가AI컴퓨팅센터에 2조5000억원이 투입된다.
commitment|5만 장|삼성전자는 GPU 5만 장을 도입할 예정이다.
commitment|946억원|4년간 946억원을 배정했다.
commitment|100MW|전남에 100MW 규모 데이터센터를 짓는다.
commitment|3조원|정부는 3조원 규모의 투자 계획을 발표했다.
commitment|20만 장|2030년까지 GPU 20만 장을 확보한다는 계획이다.
aim|3위|2028년까지 세계 3위에 오르는 것을 목표로 하고 있다.
aim|10%|2030년 시장 점유율 10% 달성을 목표로 한다.
aim|3대|세계 3대 AI 강국으로 도약할 계획이다.
aim|50%|국산 AI 반도체 비중을 50%로 끌어올릴 계획이다.
aim|5만 장|목표는 2030년까지 GPU 5만 장이다.
aim|5배|연산 능력을 5배로 늘리는 것이 목표다.
aim|100명|해외 석학 100명을 유치하고자 한다.
fact|1만 장|지난해 GPU 1만 장을 공급했다.
fact|80%|엔비디아가 시장의 80%를 차지하고 있다.
fact|1200명|올해까지 1200명이 교육을 받은 것으로 집계됐다.
fact|2000억원|작년에 2000억원을 집행했다고 밝혔다.
fact|30개|현재 30개 기업이 참여하고 있다.
fact|15%|수출이 15% 늘었다.
opinion|10조원|전문가들은 10조원이 필요하다고 지적했다.
opinion|5만 장|GPU 5만 장은 확보해야 한다.
opinion|30%|내년 가격은 30% 떨어질 전망이다.
opinion|100조원|시장 규모는 100조원에 이를 것으로 예상된다.
opinion|2조원|2조원으로는 부족하다는 지적이 나온다.
opinion|20%|비용을 20% 줄일 수 있을 것으로 보인다.
commitment|-|정부는 내년 초 AI안전연구소를 설립하기로 했다.
aim|-|과기정통부는 국산 AI 반도체 도입을 목표로 하고 있다.
fact|-|장관은 지난 5일 미국 측과 만났다.
"""
CASES = [tuple(line.split("|")) for line in TABLE.strip().splitlines()]


def the_sum(sentence: str, written: str) -> Amount | None:
    """The amount that stands where `written` does."""
    if written == "-":
        return None
    at = sentence.index(written)
    found = [one for one in amounts(sentence) if one.span.start < at + len(written) and at < one.span.end]
    assert found, f"{written!r} is not read as a sum in {sentence!r}"
    return found[0]


@pytest.mark.parametrize(("wanted", "written", "sentence"), CASES, ids=[case[2][:40] for case in CASES])
def test_the_table_holds(wanted: str, written: str, sentence: str) -> None:
    how, rule = stance(sentence, the_sum(sentence, written), None, None)
    assert how == wanted, rule
    assert (rule == "") == (how is Stance.UNCLEAR)


def test_two_sums_of_one_sentence_have_their_own_stance() -> None:
    sentence = (
        "She announced a 9.4 trillion won investment by 2027, aiming to secure a 10% share, up from 3% last year."
    )
    read = [stance(sentence, one, None, None)[0] for one in amounts(sentence)]
    assert read == [Stance.COMMITMENT, Stance.AIM, Stance.FACT]


def test_no_cue_is_lost_by_looking_only_where_one_may_begin() -> None:
    for _, _, sentence in CASES:
        text = sentence.lower()
        assert [one.span() for one in english_matches(text)] == [one.span() for one in ENGLISH_CUES.finditer(text)]


def test_cues_stand_in_the_sentence_in_order() -> None:
    found = cues("The ministry said it will invest and aims to lead.")
    assert [cue.rule for cue in found] == sorted((cue.rule for cue in found), key=["en-will", "en-aim"].index)
    assert {"en-will", "en-aim"} <= PROMISING


@given(st.text(alphabet="a-z W조억원을0123456789,.%$하했다 will to said plans 목표로", max_size=400))
def test_any_text_has_one_of_the_five(text: str) -> None:
    how, rule = stance(text, None, None, None)
    assert how in Stance
    assert re.fullmatch(r"(?:en|ko)-[a-z-]+|", rule)


@pytest.mark.parametrize(
    "text",
    ["will " * 400, "a" * 2000, "aims to " * 250, "raise a b c " * 160, "experts x" * 220, "목표로 " * 500, "전문가" * 660, "였" * 2000,
     "announced a b c d " * 110, "met the a b " * 160, "signed a a a a " * 130, "according to a a a " * 100],
)  # fmt: skip
def test_hostile_sentences_end(text: str) -> None:
    assert stance(text, None, None, None)[0] in Stance
