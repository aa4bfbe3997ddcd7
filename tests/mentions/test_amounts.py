"""Sums in sentences: what is read, what is left alone, in what currency, and that nothing takes long or breaks."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.amounts import amounts, pairs
from dure.mentions.model import UNITS, Amount, Kind


def written(sentence: str, country: str = "") -> list[str]:
    """The sums of a sentence as "low[..high] unit[ bound]", in whole units: money in minor units."""
    return [shown(one) for one in amounts(sentence, country=country)]


def shown(one: Amount) -> str:
    number = f"{one.low:_}" + (f"..{one.high:_}" if one.high != one.low else "")
    return f"{number} {one.unit or '?'}" + ("" if one.bound == "=" else f" {one.bound}")


def table(text: str) -> list[tuple[str, list[str]]]:
    """The cases of a text table, one a line: the sentence, "=>", the sums with ";" between them."""
    rows = [line.split(" => ") for line in text.splitlines() if line]
    return [(row[0].strip(), [part.strip() for part in row[1].split(";") if part.strip() != "none"]) for row in rows]


MONEY = """
The ministry set aside 61.5 billion won for the centre. => 61_500_000_000 KRW
A 9.1 trillion-won package was announced. => 9_100_000_000_000 KRW
Seoul will put up KRW 3 trillion next year. => 3_000_000_000_000 KRW
The fund holds KRW3.5tn in total. => 3_500_000_000_000 KRW
It costs ₩450 billion. => 450_000_000_000 KRW
Spending rose to 100 trillion South Korean won. => 100_000_000_000_000 KRW
A fund of US$1.5 billion was opened. => 150_000_000_000 USD
A fund of U.S. $1.5 billion was opened. => 150_000_000_000 USD
A fund of $1.5 billion USD was opened. => 150_000_000_000 USD
A fund of USD 1.5bn was opened. => 150_000_000_000 USD
A fund of 1.5 billion US dollars was opened. => 150_000_000_000 USD
A fund of 1.5 billion U.S. dollars was opened. => 150_000_000_000 USD
Ottawa will spend C$2.4 billion on compute. => 240_000_000_000 CAD
Ottawa will spend CA$2.4 billion on compute. => 240_000_000_000 CAD
Ottawa will spend CAD 2.4 billion on compute. => 240_000_000_000 CAD
Ottawa will spend $2.4 billion CAD on compute. => 240_000_000_000 CAD
Ottawa will spend $2.4 billion (CAD) on compute. => 240_000_000_000 CAD
Ottawa will spend 2.4 billion Canadian dollars on compute. => 240_000_000_000 CAD
Canberra offers A$100 million. => 10_000_000_000 AUD
Canberra offers AU$100m in grants. => 10_000_000_000 AUD
Singapore added S$1 billion. => 100_000_000_000 SGD
Taipei plans NT$10 billion. => 1_000_000_000_000 TWD
Brussels wants €20 billion for gigafactories. => 2_000_000_000_000 EUR
Brussels wants 20 billion euros for gigafactories. => 2_000_000_000_000 EUR
Brussels wants EUR 200m. => 20_000_000_000 EUR
Paris announced 109 billion euros. => 10_900_000_000_000 EUR
The budget is 20 € a head. => 2_000 EUR
London commits £1.5bn to the programme. => 150_000_000_000 GBP
London commits 1.5 billion pounds to the programme. => 150_000_000_000 GBP
Tokyo will provide ¥10 trillion by 2030. => 10_000_000_000_000 JPY
Tokyo will provide 10 trillion yen by 2030. => 10_000_000_000_000 JPY
Beijing set up a 60 billion yuan fund. => 6_000_000_000_000 CNY
Beijing set up a 60-billion-yuan fund. => 6_000_000_000_000 CNY
The fund has RMB 344 billion. => 34_400_000_000_000 CNY
The fund has 344 billion renminbi. => 34_400_000_000_000 CNY
The mission costs Rs 10,300 crore over five years. => 10_300_000_000_000 INR
The mission costs Rs. 10,300 crore. => 10_300_000_000_000 INR
The mission costs ₹10,300 crore. => 10_300_000_000_000 INR
The scheme is worth ₹2 lakh crore. => 200_000_000_000_000 INR
The scheme is worth 5 lakh rupees. => 50_000_000 INR
The scheme is worth INR 1,00,000 a month. => 10_000_000 INR
Abu Dhabi put in AED 10 billion. => 1_000_000_000_000 AED
Abu Dhabi put in 10 billion dirhams. => 1_000_000_000_000 AED
Riyadh pledged SAR 75bn. => 7_500_000_000_000 SAR
Riyadh pledged 75 billion Saudi riyals. => 7_500_000_000_000 SAR
Bern gave CHF 20 million. => 2_000_000_000 CHF
Stockholm gave 500 million Swedish kronor. => 50_000_000_000 SEK
Kuala Lumpur gave RM2 billion. => 200_000_000_000 MYR
Brasilia gave R$23 billion. => 2_300_000_000_000 BRL
Hanoi gave 500 billion dong. => 500_000_000_000 VND
Two million dollars went to schools. => 200_000_000 USD
Half a billion dollars went to schools. => 50_000_000_000 USD
It paid one hundred and fifty million won. => 150_000_000 KRW
A subsidy of $250,000 per team is planned. => 25_000_000 USD
It received $1,234.56 in fees. => 123_456 USD
The loss ($68.2 million) was covered. => 6_820_000_000 USD
A $700-million line and a $12B loan. => 70_000_000_000 USD; 1_200_000_000_000 USD
A fund of $3 million, $4 million and $5 million. => 300_000_000 USD; 400_000_000 USD; 500_000_000 USD
정부는 1조 4,000억 원을 투자한다. => 1_400_000_000_000 KRW
정부는 3조2천억원을 투자한다. => 3_200_000_000_000 KRW
예산 946억원이 배정됐다. => 94_600_000_000 KRW
예산은 9,460억 원이다. => 946_000_000_000 KRW
94억6천만 원을 지원한다. => 9_460_000_000 KRW
이천억 원 규모의 기금이다. => 200_000_000_000 KRW
천억 원을 더 쓴다. => 100_000_000_000 KRW
1만 5천 원의 수당을 준다. => 15_000 KRW
2,500만원씩 지원한다. => 25_000_000 KRW
15억 달러를 투자한다. => 150_000_000_000 USD
15억 미국 달러를 투자한다. => 150_000_000_000 USD
20억 캐나다 달러를 투자한다. => 200_000_000_000 CAD
5억 유로 규모다. => 50_000_000_000 EUR
600억 위안의 기금이다. => 6_000_000_000_000 CNY
10조 엔을 지원한다. => 10_000_000_000_000 JPY
1천5백억 원을 집행한다. => 150_000_000_000 KRW
1.2조원을 편성했다. => 1_200_000_000_000 KRW
1조4천억 규모의 사업이다. => 1_400_000_000_000 KRW
A grant of US$500 m was paid. => 50_000_000_000 USD
The fund has one and a half billion euros. => 150_000_000_000 EUR
The fund has a quarter of a billion pounds. => 25_000_000_000 GBP
The fund has three-quarters of a billion euros. => 75_000_000_000 EUR
Delhi approved a 9,500-crore mission. => 9_500_000_000_000 INR
지자체가 50~60억 원을 보탠다. => 5_000_000_000..6_000_000_000 KRW
정부가 인공지능에 1.7조를 투입한다. => 1_700_000_000_000 KRW
예산이 310억에서 720억으로 늘었다. => 31_000_000_000 KRW; 72_000_000_000 KRW
수출은 20억불, 투자는 5억불이다. => 200_000_000_000 USD; 50_000_000_000 USD
천 4백만 달러를 썼다. => 1_400_000_000 USD
"""

BOUNDS = """
It will cost up to $2 billion. => 200_000_000_000 USD <=
It will cost no more than $2 billion. => 200_000_000_000 USD <=
It will cost less than $2 billion. => 200_000_000_000 USD <=
It will cost at least $2 billion. => 200_000_000_000 USD >=
It will cost more than $2 billion. => 200_000_000_000 USD >=
It will cost over $150 billion. => 15_000_000_000_000 USD >=
It will cost $2 billion or more. => 200_000_000_000 USD >=
It will cost nearly $2 billion. => 200_000_000_000 USD ~
It will cost about 2 billion won. => 2_000_000_000 KRW ~
It will cost an estimated 2 billion won. => 2_000_000_000 KRW ~
약 2조 원이 든다. => 2_000_000_000_000 KRW ~
최대 2조 원이 든다. => 2_000_000_000_000 KRW <=
최소 2조 원이 든다. => 2_000_000_000_000 KRW >=
2조 원 이상이 든다. => 2_000_000_000_000 KRW >=
2조 원 이하로 줄인다. => 2_000_000_000_000 KRW <=
2조 원 가량이 든다. => 2_000_000_000_000 KRW ~
2조여 원이 든다. => 2_000_000_000_000 KRW ~
점유율 10% 이상을 확보한다. => 1_000 percent/100 >=
A share of 10% or more is sought. => 1_000 percent/100 >=
It controls over 80% of the market. => 8_000 percent/100 >=
As many as 20,000 GPUs arrive. => 20_000 accelerators <=
At least 500 MW are needed. => 500_000_000 W >=
More than 50,000 of the latest GPUs arrive. => 50_000 accelerators >=
The cost is $1.2-1.25 billion. => 120_000_000_000..125_000_000_000 USD
The cost is $1.2 to $1.25 billion. => 120_000_000_000..125_000_000_000 USD
The cost is $1.2 billion to $1.25 billion. => 120_000_000_000..125_000_000_000 USD
The cost lies between $1bn and $2bn. => 100_000_000_000..200_000_000_000 USD
The cost is 2 to 2.5 trillion won. => 2_000_000_000_000..2_500_000_000_000 KRW
The cost is 2–2.5 trillion won. => 2_000_000_000_000..2_500_000_000_000 KRW
The cost is KRW 2-2.5 trillion. => 2_000_000_000_000..2_500_000_000_000 KRW
It signed for 4,000 of the 10,000 GPUs. => 4_000 accelerators; 10_000 accelerators
Only 500 of the 2,600 clusters run. => 500 sites; 2_600 sites
The first 600 nodes arrive. => 600 servers
It trains 2 million Britons. => 2_000_000 people
They give 900 million zloty, and 1.1 billion the year after. => 90_000_000_000 PLN; 110_000_000_000 PLN
The city pays €70 million and the region adds 60 million. => 7_000_000_000 EUR; 6_000_000_000 EUR
비용은 2조~2조5천억 원이다. => 2_000_000_000_000..2_500_000_000_000 KRW
Growth of 10-15% is expected. => 1_000..1_500 percent/100
Growth of 10% to 15% is expected. => 1_000..1_500 percent/100
Between 10,000 and 12,000 GPUs arrive. => 10_000..12_000 accelerators
5만~6만 장의 GPU를 확보한다. => 50_000..60_000 accelerators
It was raised from $100 million to $150 million. => 10_000_000_000 USD; 15_000_000_000 USD
The share rises from 10% to 20%. => 1_000 percent/100; 2_000 percent/100
"""

QUANTITIES = """
Korea secured 260,000 GPUs. => 260_000 accelerators
Korea secured 260 000 GPUs. => 260_000 accelerators
Korea secured 50,000 Blackwell GPUs. => 50_000 accelerators
Korea secured 50,000 of Nvidia's newest Blackwell GPUs. => 50_000 accelerators
Korea secured 10,000 units of the H200. => 10_000 accelerators
Korea secured 10,000 H200s. => 10_000 accelerators
Korea secured 4,000 B200 units. => 4_000 accelerators
Korea secured 13,000 high-performance graphics processing units. => 13_000 accelerators
Korea secured 260K GPUs. => 260_000 accelerators
The plan counts 6,500 AI chips. => 6_500 chips
The plan counts 3,000 domestic NPUs. => 3_000 accelerators
The plan counts 100,000 AI accelerators. => 100_000 accelerators
The plan counts a million accelerators. => 1_000_000 accelerators
The plan counts 200 servers. => 200 servers
GPU 5만 장을 확보한다. => 50_000 accelerators
GPU 26만장을 도입한다. => 260_000 accelerators
5만 장의 GPU를 확보한다. => 50_000 accelerators
최신 GPU를 1만 3천 장 확보한다. => 13_000 accelerators
첨단 GPU 1만 개를 구매한다. => 10_000 accelerators
올해 1만 장을 더 구매한다. => 10_000 accelerators
6만 장 이상의 GPU를 들인다. => 60_000 accelerators >=
국산 NPU 2,000개를 도입한다. => 2_000 accelerators
AI 반도체 100만 개를 생산한다. => 1_000_000 chips
The site needs 100 megawatts. => 100_000_000 W
The site needs 3GW of power. => 3_000_000_000 W
The site needs a 40MW line. => 40_000_000 W
The site uses 1.5 TWh a year. => 1_500_000_000_000 Wh
The site uses 300 kWh. => 300_000 Wh
The site uses 2 gigawatt-hours. => 2_000_000_000 Wh
수전 용량은 100MW다. => 100_000_000 W
3기가와트급 시설을 짓는다. => 3_000_000_000 W
The machine reaches 2 exaflops. => 2_000_000_000 FLOP/s/10^9
The machine reaches 600 petaflops. => 600_000_000 FLOP/s/10^9
The machine reaches 20 EFLOPS. => 20_000_000_000 FLOP/s/10^9
The machine reaches 88.5 PF. => 88_500_000 FLOP/s/10^9
2엑사플롭스 규모다. => 2_000_000_000 FLOP/s/10^9
The machine reaches one exaflop. => 1_000_000_000 FLOP/s/10^9
사업에는 15개 정예팀이 지원했다. => 15 organisations
It stores 200 petabytes. => 200_000_000_000_000_000 bytes
It stores 40 PB. => 40_000_000_000_000_000 bytes
It will train 10,000 AI talents. => 10_000 people
It will train two million people. => 2_000_000 people
It will hire 300 researchers and engineers. => 300 people
AI 인재 1만 명을 양성한다. => 10_000 people
연구원 120명이 일한다. => 120 people
학생 100만 명을 교육한다. => 1_000_000 people
It creates 30,000 jobs. => 30_000 jobs
일자리 5만 개를 만든다. => 50_000 jobs
It helps 500 startups and 40 universities. => 500 organisations; 40 organisations
It helps 1,200 small companies. => 1_200 organisations
스타트업 200개사를 지원한다. => 200 organisations
30개 기관이 참여한다. => 30 organisations
중소기업 500곳을 돕는다. => 500 organisations
It builds five AI data centres. => 5 sites
It builds 12 new data centers. => 12 sites
It builds two supercomputers. => 2 sites
데이터센터 3곳을 짓는다. => 3 sites
It funds 60 research projects. => 60 projects
과제 40개를 지원한다. => 40 projects
It releases three foundation models. => 3 models
It reaches 120 countries. => 120 countries
20개국이 참여한다. => 20 countries
The mission reaches 40 crore people. => 400_000_000 people
The lab has 3,000 compute nodes. => 3_000 servers
The site holds 900 GH200 superchips. => 900 chips
It installs 40,000 AI processing units. => 40_000 accelerators
Three to four megafactories are planned. => 3..4 sites
It buys 4,000 GPUs this year and 9,000 next. => 4_000 accelerators; 9_000 accelerators
Of its 7,000 GPUs, 2,500 are for schools. => 7_000 accelerators; 2_500 accelerators
GPU capacity grew to nearly 38,000 from 19,500 a year ago. => 38_000 accelerators ~; 19_500 accelerators
One firm adds 30,000 chips, another 12,500 units. => 30_000 chips; 12_500 chips
It is twice as fast. => 2_000 times/1000
Output grew by a factor of twelve. => 12_000 times/1000
It is 1.5 times the old one, or two and a half times. => 1_500 times/1000; 2_500 times/1000
It raises the number of start-ups to 500. => 500 organisations
A 2,000-GPU cluster is built. => 2_000 accelerators
A 12-person team built 1,500 domestically made accelerators. => 1_500 accelerators
슈퍼컴퓨터 2대를 갑절로 늘린다. => 2 sites; 2_000 times/1000
Spending will double next year. => 2_000 times/1000
The number of accelerators would grow sixfold, to 24,000. => 6_000 times/1000; 24_000 accelerators
It has 2000 GPUs. => 2_000 accelerators
보유한 GPU는 2000개뿐이다. => 2_000 accelerators
GPU 2.4만장을 들여온다. => 24_000 accelerators
유니콘 기업 12개 육성과 인재 확보에 나선다. => 12 organisations
수도권에 250㎿ 센터를 짓는다. => 250_000_000 W
"""

OTHERS = """
It wants a 10 per cent share. => 1_000 percent/100
It wants a 12.5 percent share. => 1_250 percent/100
The rate falls by 1.5 percentage points. => 150 percent/100
점유율을 20퍼센트로 높인다. => 2_000 percent/100
예산의 절반을 쓴다. => 5_000 percent/100
Two thirds of the budget go to chips. => 6_667 percent/100
It wants to be among the top three by 2028. => 3 rank
It wants to be a top-five power. => 5 rank
It wants to be in the Top 3. => 3 rank
It has the third-largest market. => 3 rank
It is ranked sixth in the index. => 6 rank
세계 3위를 노린다. => 3 rank
AI 3대 강국으로 도약한다. => 3 rank
AI G3 도약을 내걸었다. => 3 rank
Capacity grows twentyfold. => 20_000 times/1000
Capacity grows 15-fold. => 15_000 times/1000
Capacity grows by 20 times. => 20_000 times/1000
Capacity grows fivefold. => 5_000 times/1000
It is 2.5x faster. => 2_500 times/1000
Spending doubled. => 2_000 times/1000
It will triple its capacity. => 3_000 times/1000
컴퓨팅을 15배 늘린다. => 15_000 times/1000
예산의 3분의 1을 쓴다. => 3_333 percent/100
두 배로 늘린다. => 2_000 times/1000
우리는 AI 3강을 꿈꾼다. => 3 rank
이제 G3 도약을 말한다. => 3 rank
"""

NOTHING = """
They want several hundred million dollars and tens of billions more.
It used 90 million GPU hours and 4,000 GPU-hours a day.
매개변수는 700억에서 1조로 늘었다.
GPU 1장당 가격이 올랐다.
In 2000 researchers met.
It opened in 2024 and closes in 2030.
On August 5, 2025 they met.
Call 02-1234-5678 or +82 2 123 4567.
The H100, B200 and A100 run GPT-4 and Llama 3 models.
Canada holds the 2025 G7 presidency.
The Track 1.5 dialogue met in Seoul.
It is a key partner.
Tencent and Alibaba sell clouds.
The 21st century belongs to data.
See [1] and [12], and version 3.1.4.
Document No. 2024-118 and Article 7 apply.
In 2024 won the award.
Of 40 entries, 10 won prizes.
Phase 2 projects start soon.
Relations between the two countries deepened.
A 7 billion parameter model and 15 trillion tokens.
The 70B model runs on 5G.
It has a double-digit lead.
A four-year plan and a third-generation system.
Made in China 2025 names ten sectors.
By 2030 data centres will change.
2025년 7월 9일에 열렸다.
3대 과제와 4차 산업혁명.
3년 만에 다시 열렸다.
2025 조성 계획.
5차 회의에서 논의했다.
수천 명이 모였다.
10 원칙을 정했다.
two × 1 =
It meets three times a year.
웨이퍼 1만 장을 생산한다.
About one in five firms use it.
"""


@pytest.mark.parametrize(("sentence", "expected"), table(MONEY + BOUNDS + QUANTITIES + OTHERS))
def test_sums_are_read_with_their_unit_and_bound(sentence: str, expected: list[str]) -> None:
    assert written(sentence) == expected


@pytest.mark.parametrize("sentence", NOTHING.strip().splitlines())
def test_what_is_no_sum_is_left_alone(sentence: str) -> None:
    assert written(sentence) == []


@pytest.mark.parametrize(
    ("country", "expected", "why"),
    [
        ("CA", "CAD", "bare $: the page's country is CA"),
        ("AU", "AUD", "bare $: the page's country is AU"),
        ("", "USD", "bare $: taken for USD"),
        ("KR", "USD", "bare $: taken for USD"),
    ],
)
def test_a_bare_dollar_is_the_pages_and_says_so(country: str, expected: str, why: str) -> None:
    (one,) = amounts("Up to $700M will be spent.", country=country)
    assert (one.unit, one.assumed, one.low) == (expected, why, 70_000_000_000)


@pytest.mark.parametrize(
    "sentence", ["Up to US$700M.", "Up to C$700M.", "It gave €700M.", "It gave 700M KRW.", "It gave 7억 원."]
)
def test_a_sign_that_says_its_currency_assumes_nothing(sentence: str) -> None:
    assert [one.assumed for one in amounts(sentence, country="CA")] == [""]


def test_a_bare_dollar_beside_another_countrys_is_explained() -> None:
    in_brackets = amounts("It costs C$2 billion ($1.4 billion).", country="CA")
    assert [one.unit for one in in_brackets] == ["CAD", "USD"]
    elsewhere = amounts("Of the A$2 billion fund, $500 million is for chips.")
    assert [(one.unit, bool(one.assumed)) for one in elsewhere] == [("AUD", False), ("AUD", True)]


@pytest.mark.parametrize(
    "sentence", ["It gave XQZ 500 million for chips.", "It gave ¤500 million.", "It gave 5 billion crowns."]
)
def test_an_unknown_currency_is_flagged(sentence: str) -> None:
    (one,) = amounts(sentence)
    assert (one.kind, one.unit, one.flags) == (Kind.MONEY, "", ("unknown_currency",))


@pytest.mark.parametrize("mark", ["\u202e", "\u202d", "\u2067", "\u200f"])
def test_direction_marks_in_a_number_are_flagged(mark: str) -> None:
    sentence = f"It gave $9{mark}4.6 million in all."
    (one,) = amounts(sentence)
    assert one.flags == ("bidi",)
    assert sentence[one.span.start : one.span.end] == f"$9{mark}4.6 million"
    (clean,) = amounts("It gave $94.6 million in all.")
    assert (clean.low, clean.flags) == (one.low, ())


def test_a_mark_far_from_the_number_does_not_flag_it() -> None:
    (one,) = amounts("\u200fHere it gave $94.6 million in all.")
    assert one.flags == ()


PAIRS = """
a 9.4 trillion won ($6.94 billion) investment => 9.4 trillion won = $6.94 billion
KRW 3 trillion (approximately US$2.5 billion) => KRW 3 trillion = US$2.5 billion
$6.94 billion (9.4 trillion won) => $6.94 billion = 9.4 trillion won
€200 million, or $230 million, for chips => €200 million = $230 million
C$2 billion (US$1.45 billion) => C$2 billion = US$1.45 billion
약 94억 달러(12조 원) => 94억 달러 = 12조 원
12조 원(약 94억 달러) => 12조 원 = 94억 달러
Rs 10,372 crore (about $1.24 billion) => Rs 10,372 crore = $1.24 billion
1.5 billion euros (KRW 2.2 trillion, $1.6 billion) => 1.5 billion euros = KRW 2.2 trillion
$5 million for chips and €3 million for people => $5 million; €3 million
$5 million (of which $2 million is new) => $5 million; $2 million
$5 million in grants, 300 million won in loans => $5 million; 300 million won
2 billion won (500 GPUs) => 2 billion won; 500 GPUs
"""


@pytest.mark.parametrize("line", [line for line in PAIRS.splitlines() if line])
def test_one_sum_in_two_currencies_is_one(line: str) -> None:
    sentence, expected = line.split(" => ")
    found = pairs(sentence, amounts(sentence))
    texts = [[sentence[part.span.start : part.span.end] for part in pair if part is not None] for pair in found]
    assert "; ".join(" = ".join(parts) for parts in texts) == expected


def test_what_is_counted_is_named() -> None:
    of = {
        one.unit: one.of
        for one in amounts("With 50,000 Blackwell GPUs, 300 new startups and a 10% share of the chip market by 2030.")
    }
    assert of == {"accelerators": "Blackwell GPUs", "organisations": "startups", "percent/100": "chip market"}


WORDS = (
    "$ € KRW US$ C$ Rs 1 12 1.5 2,500 94.6 2030 1조 4,000억 5만 장 명 원 달러 billion million trillion crore lakh "
    "won dollars bn m K % x GPUs H100 of the new startups between and to - ~ ( ) , . up more than 약 이상 "
    "top three third largest doubled 배 3위 MW exaflops two half a 여 개사 곳 GPU"
)
PIECES = st.sampled_from(WORDS.split())
SENTENCES = (
    st.lists(PIECES, max_size=16).map(" ".join) | st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60)
)


@given(SENTENCES, st.sampled_from(["", "CA", "KR", "zz"]))
def test_sums_lie_in_the_sentence_in_order_and_have_a_unit(sentence: str, country: str) -> None:
    last = 0
    found = amounts(sentence, country=country)
    for one in found:
        assert last <= one.span.start < one.span.end <= len(sentence)
        last = one.span.end
        assert 0 <= one.low <= one.high
        assert one.kind is Kind.MONEY or one.unit in UNITS
        assert (one.kind is Kind.MONEY and one.unit == "") == ("unknown_currency" in one.flags)
    grouped = pairs(sentence, found)
    assert [first for first, _ in grouped if first not in found] == []
    assert all(second is None or (second in found and second.unit != first.unit) for first, second in grouped)


@given(st.integers(1, 999), st.sampled_from([(" million", 6), (" billion", 9), (" trillion", 12), ("bn", 9), ("m", 6)]))
def test_dollars_are_exact_in_cents(number: int, magnitude: tuple[str, int]) -> None:
    word, power = magnitude
    (one,) = amounts(f"It set aside US${number}.{number % 10}{word} for it.")
    assert one.low == one.high == (number * 10 + number % 10) * 10 ** (power + 1)


@given(st.integers(0, 9999), st.integers(1, 9999), st.integers(1, 9999))
def test_korean_sums_add_their_parts(trillions: int, hundred_millions: int, ten_thousands: int) -> None:
    parts = [f"{trillions:,}조" if trillions else "", f"{hundred_millions:,}억", f"{ten_thousands:,}만"]
    for joint in ("", " "):
        (one,) = amounts(joint.join(part for part in parts if part) + " 원")
        assert one.low == trillions * 10**12 + hundred_millions * 10**8 + ten_thousands * 10**4


HOSTILE = [
    "1" * 50_000,
    "1," * 25_000,
    "1." * 25_000,
    "$" * 50_000,
    "$1 " * 20_000,
    "1만" * 25_000,
    "1 조 " * 15_000,
    "10 of the new " * 7_000,
    "between $1 and " * 6_000,
    "word " * 20_000,
    "one hundred " * 8_000,
    "일이삼" * 15_000,
    "(" * 50_000,
    "US" * 25_000,
    "\u202e1" * 25_000,
    "top " * 25_000,
    "1-" * 25_000,
    "5 GPU " * 15_000,
    "half of the " * 8_000,
    "3대 가나 " * 10_000,
    "from " * 20_000 + "1 to 2%",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_hostile_text_is_read_in_bounded_time(text: str) -> None:
    begun = time.process_time()
    pairs(text, amounts(text))
    assert time.process_time() - begun < 20
