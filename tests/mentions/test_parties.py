"""Who promises, receives and is cited: names, offices and pronouns in two languages; a table, properties, hostile input."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.actors.known import ACTORS, COUNTRIES, country_of, kind_of, portfolio
from dure.mentions.model import Party
from dure.mentions.naming import scan
from dure.mentions.parties import instrument, parties

# sentence | what was said before | the actor as written | its id
ACTING = """
The Canadian government will invest C$2 billion in sovereign compute.||The Canadian government|ca-government
It will also fund a supercomputer.|The Ministry of Science and ICT opened a call on Monday.|It|kr-msit
The ministry plans to buy 15,000 GPUs.|South Korea's Ministry of Science and ICT held a briefing.|The ministry|kr-msit
The government will spend 2 trillion won.|South Korea lacks GPUs. Nvidia, a US company, sells most.|The government|kr-government
The government will spend more.|Canada lacks GPUs. Ottawa talks with the United States.|The government|ca-government
Nvidia will supply 260,000 GPUs to South Korea, the company said.||Nvidia|nvidia
The company will supply 260,000 GPUs.|Nvidia reported record sales.|The company|nvidia
President Kim pledged 100 trillion won for AI.|South Korea elected a new leader.|President Kim|kr-president
The US president promised an order.||The US president|us-white-house
Prime Minister Smith announced C$1 billion for data centres.|Canada wants to lead.|Prime Minister Smith|ca-government
According to the Ministry of Science and ICT, the government will secure 50,000 GPUs.|South Korea lags.|the government|kr-government
Under the plan, Samsung SDS will build the National AI Computing Center.||Samsung SDS|samsung-sds
Japan's Ministry of Economy, Trade and Industry will provide 10 trillion yen.||Japan's Ministry of Economy, Trade and Industry|jp-meti
The UK will increase its capacity twentyfold, the Department for Science, Innovation and Technology said.||UK|gb-government
India's cabinet approved Rs 10,372 crore for the IndiaAI Mission.||India's cabinet|in-government
The European Commission said it will mobilise 200 billion euros.||European Commission|eu-commission
Beijing is spending $150 billion on chips.||Beijing|cn-government
At a ceremony in Seoul, OpenAI said it would open an office.||OpenAI|openai
In partnership with Nvidia, Naver plans to deploy 60,000 GPUs.||Naver|naver
Other states, including Japan, Singapore and the United Arab Emirates (UAE), seek chips.||-|
Singapore's government will invest S$1 billion over five years.||Singapore's government|sg-government
The US Department of Energy will build two supercomputers with AMD.||The US Department of Energy|us-doe
Energy Secretary Jones said the department would host 100,000 GPUs.|The United States races ahead.|the department|us-doe
Minister of Science and ICT Park said Korea will have 200,000 GPUs.||Korea|kr-government
About 2.5 trillion won will be invested by SK Telecom in Ulsan.||SK Telecom|sk-telecom
South Korea's AI budget will rise to 10.1 trillion won in 2026.||South Korea|kr-government
The Abu Dhabi-based G42 will finance a 5 GW campus.||G42|g42
France will host a campus funded by the UAE worth 50 billion euros.||France|fr-government
Hanbit Cloud will rent out 2,000 GPUs.||Hanbit Cloud|
This strategy will cost 2 trillion won.|China has announced a new strategy.|This strategy|cn-government
A road is long.||-|
As reported by The Korea Herald, these talks aim to help.||-|
정부는 2027년까지 2조원을 투입한다.||정부|kr-government
정부는 20억 달러를 투자한다.|캐나다 정부가 전략을 내놨다. 캐나다는 컴퓨팅이 부족하다.|정부|ca-government
과학기술정보통신부는 GPU 1만장을 구매한다고 밝혔다.||과학기술정보통신부|kr-msit
과기정통부에 따르면 정부는 내년 1조원을 투입한다.||정부|kr-government
엔비디아는 한국에 GPU 26만 장을 공급하기로 했다.||엔비디아|nvidia
대통령은 100조원을 투자하겠다고 말했다.||대통령|kr-president
캐나다 정부는 20억 캐나다달러를 투자한다.||캐나다 정부|ca-government
중국은 1500억달러를 투입했다.||중국|cn-government
기재부가 예산 10조원을 편성했다.||기재부|kr-moef
이 회사는 2027년까지 5만 장을 도입한다.|네이버는 신규 데이터센터를 연다.|이 회사|naver
미국 에너지부는 슈퍼컴퓨터 2대를 구축한다.||미국 에너지부|us-doe
한빛클라우드는 GPU 2천 장을 도입한다.||한빛클라우드|
The National Science Foundation awarded $10 million to the lab.||National Science Foundation|us-nsf
The Science and ICT Ministry will spend $10 million on chips.||The Science and ICT Ministry|kr-msit
Whitehall will spend $10 million on chips.||Whitehall|gb-government
Brussels will spend $10 million on chips.||Brussels|eu-government
The German government will spend $10 million on chips.||The German government|de-government
Germany's Research Ministry will spend $10 million on chips.||Germany's Research Ministry|de-bmftr
The EU's $10 million programme was launched in May.||EU|eu-government
Canada's $10 million strategy will pay for chips.||Canada|ca-government
The president said France would spend $10 million.||France|fr-government
The prime minister said Japan would spend $10 million.||Japan|jp-government
India's IT ministry said it would spend $10 million.||India's IT ministry|in-meity
The Ministry of Electronics and IT will spend $10 million, its minister said.||Ministry of Electronics and IT|in-meity
Britain's technology secretary announced $10 million for chips.||Britain's technology secretary|gb-dsit
The chancellor said Britain's Treasury would spend $10 million.||Britain's Treasury|gb-treasury
Canada's AI minister announced $10 million for chips.||Canada's AI minister|ca-ised
The Energy Department will spend $10 million, the United States said.||The Energy Department|us-doe
Washington is spending $10 million on chips.||Washington|us-government
The White House requested $10 million for chips.||White House|us-white-house
Congress approved $10 million for chips.||Congress|us-congress
Italy has set aside $10 million for chips.||Italy|it-government
Brazil's government launched a $10 million plan for chips.||Brazil's government|br-government
Canberra committed $10 million to chips.||Canberra|au-government
Saudi-backed Humain ordered $10 million of chips.||Humain|sa-humain
Taiwan's National Science and Technology Council will spend $10 million on chips.||Taiwan's National Science and Technology Council|tw-nstc
China's National Development and Reform Commission approved $10 million.||China's National Development and Reform Commission|cn-ndrc
Switzerland opened a $10 million computer in Lugano.||Switzerland|ch-government
ChatGPT maker OpenAI will spend $10 million on chips.||OpenAI|openai
Deutsche Telekom will spend $10 million on chips.||Deutsche Telekom|deutsche-telekom
Of the total, $10 million will be spent by South Korea on chips.||South Korea|kr-government
A $10 million order was placed with Nvidia, the chipmaker said.||the chipmaker|nvidia
“We will mobilise $10 million,” said European Commission.||European Commission|eu-commission
Under a deal with the United Arab Emirates, Microsoft will invest $10 million.||Microsoft|microsoft
Seoul's $10 million budget was approved on Monday.||Seoul|kr-government
과기정통부 장관은 100억원을 지원하겠다고 말했다.||과기정통부|kr-msit
정부는 100억원을 지원하겠다고 말했다.||정부|kr-government
미국 정부가 100억원을 지원한다.||미국 정부|us-government
부총리 겸 기획재정부 장관은 100억원을 배정했다고 말했다.||기획재정부|kr-moef
대통령이 100억원을 투자하겠다고 했다.||대통령|kr-president
NIPA는 100억원을 지원한다.||NIPA|kr-nipa
SKT는 100억원을 투자한다.||SKT|sk-telecom
새 정부는 100억원을 투자한다.||새 정부|kr-government
EU 집행위원회는 100억원을 투자한다.||EU 집행위원회|eu-commission
일본 경제산업성은 100억원을 지원한다.||일본 경제산업성|jp-meti
영국 정부는 100억원을 지원한다.||영국 정부|gb-government
전남도는 100억원을 투자한다.||전남도|kr-jeonnam
삼성SDS 컨소시엄이 100억원을 투자한다.||삼성SDS|samsung-sds
과기부는 정부가 100억원을 투입한다고 밝혔다.||정부|kr-government
국가AI컴퓨팅센터에 100억원이 투입된다.||국가AI컴퓨팅센터|kr-ncc
아마존웹서비스(AWS)는 울산에 100억원을 투자한다.||아마존웹서비스|amazon
"""
CASES = [tuple(line.split("|")) for line in ACTING.strip().splitlines()]


def written(sentence: str, party: Party | None) -> str:
    return "-" if party is None else sentence[party.span.start : party.span.end]


@pytest.mark.parametrize(("sentence", "earlier", "actor", "known"), CASES, ids=[case[0][:40] for case in CASES])
def test_who_acts(sentence: str, earlier: str, actor: str, known: str) -> None:
    found = parties(sentence, [one + "." for one in earlier.rstrip(".").split(". ") if one]).actor
    assert written(sentence, found) == actor
    assert (found.known if found else "") == known


@pytest.mark.parametrize(
    ("sentence", "source", "known"),
    [
        ("According to a press release from the South Korean Ministry of Science and ICT, it will pay.",
         "the South Korean Ministry of Science and ICT", "kr-msit"),
        ("Nvidia said it would deliver 10,000 GPUs.", "Nvidia", "nvidia"),
        ("“We will deliver,” said Nvidia.", "Nvidia", "nvidia"),
        ("과기정통부에 따르면 GPU 1만 장이 투입된다.", "과기정통부", "kr-msit"),
        ("정부가 2조원을 투입한다고 기획재정부가 밝혔다.", "기획재정부", "kr-moef"),
        ("According to The Korea Herald, Naver will pay.", "Korea Herald", "korea-herald"),
        ("Canada will pay.", "-", ""),
    ],
)  # fmt: skip
def test_who_is_cited(sentence: str, source: str, known: str) -> None:
    found = parties(sentence).source
    assert (written(sentence, found).removeprefix("The "), found.known if found else "") == (source, known)


@pytest.mark.parametrize(
    ("sentence", "recipient"),
    [
        ("Nvidia will supply 260,000 GPUs to South Korea.", "South Korea"),
        ("The ministry will provide 10,000 GPUs to universities and start-ups.", "universities and start-ups"),
        ("정부는 GPU 1만 장을 스타트업에 지원한다.", "스타트업"),
        ("The ministry will buy 10,000 GPUs.", "-"),
    ],
)
def test_who_receives(sentence: str, recipient: str) -> None:
    assert written(sentence, parties(sentence).recipient) == recipient


@pytest.mark.parametrize(
    ("sentence", "means"),
    [("The 2026 budget has it.", "budget"), ("It signed a contract.", "agreement"), ("보조금을 준다", "subsidy"),
     ("The AI Act passed.", "law"), ("He will act.", ""), ("It will invest.", "investment"), ("150조원 펀드를 만든다", "fund")],
)  # fmt: skip
def test_by_what_means(sentence: str, means: str) -> None:
    assert instrument(sentence) == means


def test_short_names_are_no_parts_of_words() -> None:
    named = {name.known for name in scan("The musk of USB, METAL, SKILLS and Indiana told us about MSG.").names}
    assert not named & set(ACTORS)
    assert [name.known for name in scan("미국과 한국은 인도적 지원을 한다.").names] == [
        "us-government",
        "kr-government",
    ]


def test_the_table_is_sound() -> None:
    for actor in ACTORS.values():
        assert actor.names, actor.id
        assert not actor.country or actor.country in COUNTRIES
        for name in actor.names:
            assert name == name.strip() != "", actor.id
    assert kind_of("nobody") == country_of("nobody") == ""
    assert portfolio("KR", "Science and ICT") == "kr-msit"
    assert portfolio("US", "Poetry") == ""


def test_every_english_name_is_found_by_itself() -> None:
    """Of two rows with one name the table must not hide either: each name leads to a row that has it."""
    for actor in ACTORS.values():
        for name in actor.names:
            found = scan(f"{name} 은 " if name[0] > "\u2fff" else f"{name} will pay").names
            assert name in {one for row in found for one in ACTORS[row.known].names}, name


@given(
    st.lists(
        st.sampled_from(
            [
                "Canada",
                " the government",
                " it",
                "Nvidia",
                " said",
                ", which ",
                " by ",
                "정부",
                "는 ",
                "장관",
                "President Kim",
                "'s ",
                "(",
                "\n",
                "İ",
            ]
        ),
        max_size=40,
    ),
    st.lists(st.sampled_from(["It said so.", "Canada.", "정부는 한다."]), max_size=20),
)
def test_spans_stand_in_the_sentence(parts: list[str], earlier: list[str]) -> None:
    sentence = "".join(parts)
    found = parties(sentence, earlier)
    for party in (found.actor, found.recipient, found.source):
        if party is not None:
            assert 0 <= party.span.start < party.span.end <= len(sentence)
            assert party.known == "" or party.known in ACTORS
    names = scan(sentence).names
    assert all(a.end <= b.start for a, b in pairwise(names))


@pytest.mark.parametrize(
    "text",
    [
        "the government " * 130,
        "Minister of " * 160,
        "A a" * 660,
        "President " * 200,
        "정부" * 1000,
        "The Aa and " * 180,
        "Canada, " * 250,
        "it " * 660,
    ],
)
def test_hostile_sentences_end(text: str) -> None:
    found = parties(text, [text] * 20)
    assert found.actor is None or found.actor.span.end <= len(text)
