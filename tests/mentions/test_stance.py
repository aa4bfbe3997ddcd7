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
commitment|$2 billion|Government of Canada commits $2 billion to sovereign compute.
commitment|$2B|Canada to invest $2B in AI supercomputers.
commitment|€1.2 billion|Spain sets aside €1.2 billion for a gigafactory near Tarragona.
commitment|$500 million|Australia is investing A$500 million, or US$500 million, in shared compute.
commitment|£500m|Ministers unveiled a £500m fund to help British start-ups buy computing time.
commitment|$1bn|Another $1bn will go to universities.
commitment|€300 million|Of this, €300 million is to be spent on cooling.
commitment|4,000 GPUs|A further 4,000 GPUs are due to be installed in 2027.
commitment|12 MW|The hall, which is due to open in 2027, is designed for 12 MW.
commitment|$40 billion|Saudi Arabia's Public Investment Fund shall contribute $40 billion.
commitment|18,000 chips|The kingdom signed a contract for 18,000 chips.
commitment|$30 million|The state legislature has appropriated $30 million for the cluster.
commitment|$750 million|Backed by $750 million from the treasury, the scheme opens to applicants in May.
commitment|€2 billion|France announced a €2 billion package on Tuesday.
commitment|100,000 GPUs|Oracle has ordered 100,000 GPUs for the site.
commitment|5,000 engineers|The academy is going to train 5,000 engineers by 2028.
commitment|$90 million|The agency has awarded contracts worth $90 million.
commitment|¥1 trillion|Under the supplementary budget, Japan will provide ¥1 trillion over three years.
commitment|3,000 accelerators|The second phase, with 3,000 accelerators, will be ready by 2029.
commitment|$10 billion|Microsoft said on Friday it would pour $10 billion into Japanese data centres by 2029.
commitment|€55 million|A grant of €55 million has been approved for the Finnish site.
commitment|S$70 million|Singapore launches S$70 million programme to build a regional language model.
commitment|$1.1 billion|India's cabinet gave its approval to a $1.1 billion programme.
commitment|200 MW|Construction of the 200 MW campus will start in March.
commitment|$65 million|The bill authorizes $65 million a year through 2030.
commitment|$5 billion|After spending $2 billion in 2023, the United States will invest $5 billion next year.
commitment|$2 billion|Budget 2024 proposes to provide $2 billion over five years to the department to launch a fund.
commitment|£1 billion|The Spending Review provides £1 billion for public compute.
commitment|$600 million|The act Congress passed in June includes $600 million for test beds.
commitment|€150 million|Today I am announcing €150 million for our universities.
commitment|€40 million|We are putting €40 million into training.
commitment|$25 million|I can confirm that $25 million will be available from April.
commitment|$90 million|Up to $90 million in credits is available to start-ups.
commitment|£750m|The next machine, which will see £750m invested in Edinburgh, has been given the go-ahead.
commitment|6,000 more GPUs|The site now houses 4,000 GPUs, and 6,000 more GPUs will follow next year.
commitment|2,000 chips|SK Telecom agreed to lease 2,000 chips to the state.
commitment|$14 billion|Nvidia and the kingdom struck a deal valued at $14 billion.
commitment|€500 million|The European Union will contribute €500 million to the machine, half its price.
commitment|10,000 GPUs|The Centre has approved the purchase of 10,000 GPUs.
commitment|20 exaflops|When complete, the machine will reach 20 exaflops.
commitment|$8 million|Grants of $8 million each go to five colleges.
aim|€200 billion|The Commission hopes to mobilise €200 billion from private investors.
aim|100,000|The gigafactories are meant to house 100,000 advanced processors each.
aim|tenfold|Its ambition is a tenfold rise in public compute by 2030.
aim|6 GW|Britain wants 6 GW of AI-ready capacity by the end of the decade.
aim|$15 billion|The ministry is seeking $15 billion from foreign investors.
aim|25%|New Delhi has set a goal of meeting 25% of demand with domestic chips.
aim|50,000 GPUs|Seoul plans to secure 50,000 GPUs by 2028.
aim|$4 billion|The proposal calls for $4 billion in new spending.
aim|1 million|The strategy envisages training 1 million people.
aim|$700 million|The National Science Foundation has requested $700 million for the next fiscal year.
aim|top five|France intends to be in the top five by 2030.
aim|30 percent|The roadmap foresees a 30 percent share for home-made accelerators.
aim|$3 billion|The consortium is trying to raise $3 billion.
aim|double|The operator, which received €11 million last year, plans to double its staff.
aim|$3 billion|The fund was set up to attract $3 billion in private money.
aim|1,000 people|The college hopes to train 1,000 people a year.
aim|60%|The country's target is 60% self-sufficiency.
aim|5,000 GPUs|A tender for up to 5,000 GPUs is planned for autumn.
fact|10,000 GPUs|The national cloud already has 10,000 GPUs in operation.
fact|3,200 researchers|Since its opening the machine has been used by 3,200 researchers.
fact|$2 billion|After spending $2 billion in 2023, the United States will invest $5 billion next year.
fact|£300m|The £300m supercomputer was completed in July.
fact|40%|Universities account for 40% of usage.
fact|1,000 petaflops|The system delivers 1,000 petaflops.
fact|$12 million|Only $12 million of the fund has been spent so far.
fact|2,048 GPUs|The cluster consists of 2,048 GPUs.
fact|$80 billion|Nvidia reported revenue of $80 billion for the year.
fact|20 MW|The facility draws 20 MW.
fact|$300 million|The budget rose from $300 million to $750 million.
fact|500 start-ups|More than 500 start-ups have applied since spring.
fact|12,000 chips|AMD shipped 12,000 chips to the laboratory last autumn.
fact|$90 million|We have already invested $90 million in the first phase.
fact|4,000 GPUs|The site now houses 4,000 GPUs, and 6,000 more will follow next year.
fact|$1.2 billion|While $1.2 billion was spent on the first system, the second will cost the state nothing.
fact|€11 million|The operator, which received €11 million last year, plans to double its staff.
fact|92%|Foreign suppliers provided 92% of the accelerators bought in 2024.
fact|€500 million|The European Union contributed €500 million to the machine, half its price.
fact|three|The lab has opened three sites since 2021.
opinion|$20 billion|Analysts at the bank put the cost at $20 billion.
opinion|$1 trillion|Worldwide spending could exceed $1 trillion by 2030.
opinion|30,000 GPUs|At least 30,000 GPUs would be needed, the report found.
opinion|€100 billion|The union must find €100 billion more, its rapporteur wrote.
opinion|3%|Electricity demand is likely to grow 3% a year.
opinion|$500 million|Critics say $500 million is a drop in the ocean.
opinion|10,000 jobs|The project is expected to create 10,000 jobs.
opinion|£5 billion|Parliament should double the fund to £5 billion.
opinion|$8 billion|Economists estimate the gap at $8 billion.
opinion|10 GW|The agency forecasts 10 GW of demand by 2030.
opinion|$2 billion|That is why we believe $2 billion is too little.
opinion|100,000 GPUs|To compete, the country needs 100,000 GPUs.
opinion|€50 billion|The think-tank estimates the shortfall at €50 billion.
opinion|40%|Prices are expected to fall 40%.
unclear|60,000 GPUs|Naver is in talks to buy 60,000 GPUs.
unclear|$5 billion|The government may invest $5 billion in the venture.
unclear|€3 billion|A loan of €3 billion is under consideration.
unclear|2,000 GPUs|No decision has been made on the 2,000 GPUs.
unclear|$400 million|If approved by parliament, the agency would receive $400 million.
unclear|1 GW|OpenAI is reportedly planning a 1 GW site in India.
unclear|$900 million|It remains unclear how much of the $900 million has been paid.
unclear|$6 billion|The two sides are negotiating a $6 billion lease.
unclear|5,000 chips|The ministry has not confirmed whether 5,000 chips arrived.
commitment|€3 million|The council awarded €3 million to the laboratory.
commitment|40 MW|A firm from Lyon was chosen to build the 40 MW site.
commitment|4,000 GPUs|The state is leasing 4,000 GPUs.
commitment|£1.5bn|That is why we're investing £1.5bn.
commitment|€5 million|We'll give each college €5 million.
commitment|12 billion won|Of the sum, 12 billion won would be set aside for schools, officials said.
aim|$2 billion|They created a fund to raise $2 billion.
aim|5,000 GPUs|The ministry wanted 5,000 GPUs by 2027.
aim|€2 billion|Brussels has proposed €2 billion for chips.
aim|30%|A 30% target was announced in May.
aim|tenfold|The state pledged $40 million to raise its capacity tenfold.
aim|100,000 chips|Brussels plans to found sites that will house 100,000 chips each.
fact|400 teachers|The agency spent €3 million to train 400 teachers.
fact|$3 million|The sum is more than this year's $3 million.
opinion|500 GPUs|He said the 500 GPUs were far too few.
opinion|$2 billion|A budget of $2 billion will not be enough.
opinion|$5 billion|The line would cost $5 billion, officials said.
unclear|$50 million|It is not known how the $50 million will be shared.
unclear|20,000 GPUs|Officials are weighing an order of 20,000 GPUs.
unclear|$1 billion|The $1 billion loan is still being negotiated.
unclear|500 MW|A 500 MW extension is being discussed with the grid operator.
unclear|$12 billion|Whether the $12 billion will come from the state is open.
commitment|3조원|정부가 AI 인프라에 3조원을 쓰기로 했다.
commitment|5천억원|과기정통부는 내년 예산에 5천억원을 반영했다.
commitment|2만장|내년 상반기까지 2만장을 추가로 들여온다.
commitment|1200억원|올해 1200억원이 지원될 예정이다.
commitment|800억원|정보통신산업진흥원은 이 사업에 800억원을 지원하겠다고 했다.
commitment|1조2000억원|SK텔레콤은 1조2000억원을 투자하는 계약을 맺었다.
commitment|3만장|2027년까지 투입되는 GPU는 3만장이다.
commitment|500명|KAIST는 매년 500명을 선발한다.
commitment|6조원|5년간 6조원을 쏟아붓는다.
commitment|100개|중소기업 100개사에 바우처를 지급한다.
commitment|4000억원|기획재정부는 4000억원 증액안을 확정했다.
commitment|2조5천억원|총사업비 2조5천억원 규모의 센터를 짓기로 합의했다.
commitment|300억원|광주시가 300억원을 부담한다.
commitment|10만장|정부, GPU 10만장 확보 나선다.
commitment|2조원|정부, AI 반도체에 2조원 투입
commitment|3만장|정부는 이미 확보한 1만3000장 외에 3만장을 더 산다.
commitment|2조원|1조원을 투입한 데 이어 내년에 2조원을 투입한다.
commitment|800억원|국비 500억원 등 총 800억원을 들여 센터를 구축한다.
commitment|500억원|국비 500억원 등 총 800억원을 들여 센터를 구축한다.
commitment|1조5000억원|LG는 2028년까지 1조5000억원을 투자한다고 공시했다.
commitment|4000장|내년부터 GPU 4000장을 순차적으로 공급받는다.
commitment|3조6000억원|내년 예산은 3조6000억원 규모로 책정됐다.
commitment|9000장|슈퍼컴퓨터에는 GPU 9000장이 탑재될 예정이다.
commitment|70%|사업비의 70%는 정부가 부담한다.
commitment|6000억원|양측은 6000억원 규모의 업무협약을 맺었다.
commitment|15조원|소프트뱅크는 15조원을 투자한다는 계획을 밝혔다.
aim|20만장|정부는 2030년까지 20만장 확보를 목표로 내걸었다.
aim|3대|한국은 AI 3대 강국 도약을 꿈꾸고 있다.
aim|30%|국산 칩 비중을 30%까지 높이겠다는 구상이다.
aim|1만명|전문가 1만명을 키운다는 목표를 세웠다.
aim|100조원|100조원 규모의 펀드를 조성하겠다는 포부도 밝혔다.
aim|5배|성능을 5배로 끌어올린다는 청사진이다.
aim|50%|자급률 50% 달성을 추진하고 있다.
aim|5만장|정부가 GPU 5만장 확보에 나섰다.
aim|100만명|정부는 AI 인재 100만명 양성을 추진한다.
aim|세계 3위|정부는 세계 3위 수준의 컴퓨팅 역량을 갖추겠다는 목표를 제시했다.
fact|1만3000장|정부는 이미 확보한 1만3000장 외에 3만장을 더 산다.
fact|700억원|지난해 700억원을 집행했다.
fact|1조원|1조원을 투입한 데 이어 내년에 2조원을 투입한다.
fact|350개|현재까지 350개 팀이 이용했다.
fact|40MW|센터의 전력 용량은 40MW에 달한다.
fact|70%|미국 기업이 시장의 70%를 점유하고 있다.
fact|3000억원|예산은 3000억원에서 5000억원으로 늘었다.
fact|1.5%|한국의 비중은 1.5%에 그쳤다.
fact|12곳|데이터센터 12곳이 문을 열었다.
fact|2600장|GPU 2600장의 설치를 마쳤다.
fact|3000억원|지난 3년간 총 3000억원을 지원해 왔다.
fact|1조2000억원|이는 올해 예산 1조2000억원보다 3배 많은 규모다.
fact|9000장|슈퍼컴퓨터에는 GPU 9000장이 탑재됐다.
fact|85%|가동률은 85% 수준이다.
fact|2조원|당초 2조원이던 사업비가 4조원으로 늘었다.
opinion|10만장|업계는 최소 10만장이 있어야 한다고 본다.
opinion|50조원|시장이 50조원으로 커질 것으로 내다봤다.
opinion|2배|전기요금이 2배로 오를 수 있다는 우려가 나온다.
opinion|5조원|5조원으로는 턱없이 모자란다는 비판이 있다.
opinion|30만장|국내 GPU는 30만장을 넘어설 것이라고 전망했다.
opinion|20조원|업계에서는 총투자액이 20조원에 이를 것으로 추산한다.
opinion|4배|전력 소비가 4배 늘어날 것이란 전망이 나온다.
opinion|2만장|학계에 최소 2만장은 필요하다는 게 전문가들의 설명이다.
unclear|1조원|정부는 1조원을 추가로 투입하는 방안을 검토하고 있다.
unclear|3만장|네이버가 3만장을 살지는 미지수다.
unclear|5000억원|5000억원의 재원을 어떻게 마련할지는 정해지지 않았다.
unclear|2조원|삼성전자는 2조원 투자를 놓고 협의 중이다.
unclear|1GW|오픈AI가 1GW급 센터를 지을 것으로 알려졌다.
unclear|8000억원|8000억원이 국회를 통과할지는 불투명하다.
unclear|2조원|추경안이 국회를 통과하면 2조원이 투입된다.
unclear|4조원|4조원에 이르는 재원 마련 방안은 아직 확정되지 않았다.
unclear|1만장|1만장 추가 구매 여부를 논의하고 있다.
aim|50,000 GPUs|The plan is to have 50,000 GPUs running by 2027.
aim|12 regional hubs|The roadmap calls for 12 regional hubs by 2029.
aim|30%|Under the roadmap, domestic chips should reach 30% of purchases.
commitment|90 million|A €90 million grant goes to the university of Porto.
commitment|4,500 crore|The treasury has signed off on ₹4,500 crore for the mission.
commitment|500 GPUs|Each team is entitled to 500 GPUs for three months.
fact|2,048 GPUs|The cluster, which went live in May, holds 2,048 GPUs.
opinion|3 GW|Without new lines, the region will be short of 3 GW by 2030, the grid operator fears.
opinion|$300 billion|The market is set to grow to $300 billion by 2030.
unclear|400 MW|A second site of 400 MW has been floated.
unclear|$5 billion|Talks on a further $5 billion continue.
unclear|400 million|No date has been set for the second tranche of €400 million.
aim|20%|The agency pushes for 20% of purchases to go to small firms.
aim|5%|Athens has its eye on a share of 5% of European capacity.
aim|half of all|By 2030, half of all training should run on national machines, the strategy says.
commitment|1,900억원|과기정통부는 내년 예산안에 AI 인재 양성비로 1,900억원을 담았다.
commitment|1조4,600억원|추경에는 GPU 구매비 1조4,600억원이 포함됐다.
aim|1,000만명|카카오는 이용자 1,000만명을 바라본다.
fact|80%|엔비디아의 시장 점유율은 80%가 넘는다.
opinion|10조원|업계에서는 10조원도 모자란다는 말이 나온다.
opinion|3GW|이대로면 2027년에 3GW가 부족해진다는 경고가 나왔다.
unclear|5조원|정부는 5조원 규모의 펀드를 만드는 방안을 들여다보고 있다.
unclear|7천억원|2단계 사업비 7천억원은 예비타당성조사 결과에 달려 있다.
opinion|3조 원|정부는 약 3조 원이 투자될 것으로 예상하고 있다.
fact|€8 billion|Its yearly investment of €8 billion is a fraction of what others spend.
commitment|45 million euros|The cabinet is freeing up 45 million euros for the plant.
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
    assert rule or how is Stance.UNCLEAR


def test_two_sums_of_one_sentence_have_their_own_stance() -> None:
    sentence = (
        "She announced a 9.4 trillion won investment by 2027, aiming to secure a 10% share, up from 3% last year."
    )
    read = [stance(sentence, one, None, None)[0] for one in amounts(sentence)]
    assert read == [Stance.COMMITMENT, Stance.AIM, Stance.FACT]


def test_no_cue_is_lost_by_looking_only_where_one_may_begin() -> None:
    for _, _, sentence in CASES:
        text = sentence.lower().replace("'", " ")
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
     "5 GPUs" + " a-a" * 14 + " will " * 200, "is being " * 220, "5 GPUs " + "subject to a a a a " * 100, "예산" + "가" * 38 + "로 " * 400,
     "announced a b c d " * 110, "met the a b " * 160, "signed a a a a " * 130, "according to a a a " * 100],
)  # fmt: skip
def test_hostile_sentences_end(text: str) -> None:
    assert stance(text, None, None, None)[0] in Stance
    assert all(stance(text, one, None, None)[0] in Stance for one in amounts(text)[:40])
