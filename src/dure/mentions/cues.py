"""The words that tell a stance, English and Korean: tables of rules, and where they may begin. Pure.

A rule is an id, the stance that its words tell (None: looked through) and the words. `stance` weighs what is found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from dure.mentions.model import Stance

_C, _A, _F, _O = Stance.COMMITMENT, Stance.AIM, Stance.FACT, Stance.OPINION

_ACTS: Final = r"(?:[a-z]{2,12}ly |also |now |further )?"
_OUTCOMES: Final = (
    r"(?:become|rank|join|enter|emerge|lead|dominate|overtake|catch up|rival|compete|be (?:among|one of|in the|"
    r"a global|a leading|the)|"
    r"rise to|climb|reach|achieve|attain|win|capture|gain|claim|leap|transform|position|place|secure a|"
    r"secure an? [0-9.]+|"
    r"(?:raise|lift|boost|increase|grow|expand|bring|push|take|cut|reduce|lower|double|triple)(?: [a-z'’-]+){0,5}? "
    r"(?:share|rank|ranking|dependence|reliance|self-sufficiency|rate|proportion|competitiveness))\b"
)
_DONE: Final = (
    r"(?:(?:has|have|had|was|were|is|are|being) (?:already |also |now |since |recently |formally )?(?:been )?)?"
)
SAID: Final = (
    r"(?:said|says|announced|confirmed|added|stated|told|revealed|declared|noted|reported|disclosed|"
    r"promised|pledged|explained)"
)

_PLAN: Final = (
    r"(?:plans?|planned|planning|intends?|intended|intend|hop(?:es?|ing)|prepar(?:es|ed|ing)|proposes|proposed) to"
)
_DUE: Final = (
    r"(?:(?:is|are|was|were) (?:all |now |also )?(?:set|due|scheduled|slated|poised|earmarked)|be scheduled|slated) to"
)
_POSSIBLE: Final = (  # what somebody may do is open; what may come of it is a forecast
    r"(?:may|might|could) (?:also |still |yet |soon |even |instead )?(?:buy|purchase|invest|spend|build|order|rent|"
    r"lease|fund|"
    r"host|acquire|sell|procure|join|allocate|provide|offer|supply|sign|commit|open|move|take part|choose|"
    r"be (?:bought|purchased|"
    r"built|spent|invested|ordered|allocated|provided|supplied|added|offered|scrapped|cancelled|cut))"
)
GATHER: Final = (  # what money and machines are for: after a past deed, an aim
    r"to (?:help (?:to )?|jointly )?(?:mobili[sz]e|gather|raise|attract|leverage|unlock|draw in|build|create|train|"
    r"deploy|double|"
    r"triple|quadruple|invest|spend|buy|purchase|procure|acquire|install|expand|establish|develop|produce|support|"
    r"fund|provide|"
    r"secure|deliver|host|add|set up|open|launch|quintuple|scale|supply|construct|increase|boost|bring|reach|"
    r"generate|cover)"
)
_SUMS: Final = (
    r"(?:outlay|budget|funding|investments?|package|envelope|endowment|grants?|subsid(?:y|ies)|loans?|allocations?|"
    r"appropriation|"
    r"funds?|pledges?|commitments?)"
)

# In order of precedence at one place. A rule whose stance is None is looked through.
ENGLISH: Final[tuple[tuple[str, Stance | None, str], ...]] = (
    ("en-undecided", Stance.UNCLEAR, r"(?:whether|undecided|unclear|unconfirmed|yet to (?:decide|be|confirm|say|"
        r"announce|choose|"
        r"approve|sign)[a-z]*|(?:(?:is|are|was|were|be|being|been) (?:still |also |now |reportedly |said to be |"
        r"actively |being )*)?"
        r"(?:considering|mulling|weighing|debating|discussing|exploring|"
        r"studying|"
        r"reviewing|negotiating|in (?:early |advanced |preliminary )?(?:talks|discussions|negotiations)|"
        r"under (?:consideration|review|discussion|negotiation|study))|(?:is|are|was|were|be|being|been) (?:still |also |now )?"
        r"(?:considered|mulled|weighed|debated|discussed|negotiated)(?! as)|considers|"
        r"no (?:date|decision|site|budget|contract) (?:has|have|was) (?:yet )?been|open (?:if|whether)|(?:has|have|had|was|were|is|are|"
        r"did) not (?:yet )?"
        r"(?:been )?(?:decided?|confirm(?:ed)?|disclosed?|said|say|announced?|approved?|finali[sz]ed?|settled)|"
        r"no (?:final |firm )?decision(?: has (?:yet )?been (?:made|taken|reached))?|"
        r"(?:talks|discussions|negotiations) (?:on|over|about)|too early to|remains to be seen|" + _POSSIBLE + r"|rumou?red|"
        r"(?:has|have|had|was|were) (?:also )?(?:been )?(?:floated|mentioned|mooted|touted|suggested))"),
    ("en-goal-met", _F, r"(?:met|reached|hit|exceeded|missed|surpassed|achieved) (?:its|the|their|a|"
        r"that) (?:[a-z0-9-]+ ){0,2}?(?:targets?|goals?)"),
    ("en-goal", _A, r"(?:goals?|targets?|aims?(?= (?:is|are|was|of))|objectives?|ambitions?|visions?|"
        r"hopes?(?= (?:of|is|are|was))|dreams?|intentions?)(?: (?:is|are|was|of|to|for|that|set))?(?! (?:audience|"
        r"group))"),
    ("en-meant", _A, r"(?:plan|idea|intention|intent|hope|vision) (?:is|was) (?:for|to|that)|"
        r"(?:plan|roadmap|strategy|blueprint|agenda|framework|initiative|programme|program) (?:also )?(?:calls for|"
        r"intends|provides for|would)"),
    ("en-forecast", _O, r"(?:market|demand|consumption|prices?|sales|bill|costs?|needs?|shortage|gap) (?:is|"
        r"are) (?:set|poised|"
        r"on course|on track) to|(?:(?:is|are|was|were|be|being|been) (?:widely |now |also )?(?:expected|forecast|"
        r"projected|predicted|estimated|likely|unlikely|seen|thought|believed|anticipated|tipped)|"
     r"forecasts?|forecasted|predicts?|predicted|estimates? that|projections?|projects that|(?:will|would) (?:not|"
     r"hardly|never) be (?:enough|"
        r"sufficient)|will fall short|(?:will|would) (?:likely|"
     r"probably|inevitably|need|require|cost|decide|determine|depend|mean)|"
     r"likely|probably|perhaps|expects? (?:global|demand|total|worldwide|prices|the market|sales)|expectations?)"),
    ("en-estimate", _O, r"(?:expected|projected|forecast|predicted|anticipated|tipped|estimated|likely|believed) to|"
        r"(?:puts?|putting) (?:the|its|their) (?:[a-z]+ )?(?:costs?|price|bill|gap|value|"
        r"figure|shortfall|needs?)(?: [a-z]+){0,4}? at|"
        r"estimates?(?! that)"),
    ("en-aim-plan", _A, r"(?:" + _PLAN + r"|will|would|wants? to|(?:announced|unveiled|has|have|with|its|a|"
        r"the) plans? to) " + _ACTS + _OUTCOMES),
    ("en-aim", _A, r"(?:aim(?:s|ed|ing)?(?: to| at| for)?|seek(?:s|ing)?|sought|hop(?:es?|ed|ing) (?:to|for|that)|"
        r"want(?:s|ed)?(?: to)?|(?:is |are )?counting on|counts on|"
        r"push(?:es|ing)? for|bets? on|betting on|(?:has|have) (?:its|their) eyes? on|"
        r"(?:sets?|has|have) (?:its|their) sights|"
        r"wish(?:es)?(?: to)|aspir(?:es?|ed|ing)|"
     r"target(?:s|ed|ing)|striv(?:es?|ing)|look(?:s|ing|ed) to|would like to|(?:is|are) eyeing|eyes|"
     r"(?:is|are|been) (?:also |actively |now )?pursuing|working towards?|expects?|(?:has |have )?(?:requested|"
     r"asked (?:for|parliament|"
     r"congress|the [a-z]+ for)|applied for|bid for)|request(?:s|ing)|"
     r"foresees?|foreseen|(?:has |have )?propos(?:es|ed|ing)|envisag(?:es?|ed)|envision(?:s|ed)?|intends? to|"
     r"intended to|"
     r"(?:keen|eager|determined|ready|"
     r"hoping|trying|working|"
     r"racing) to|(?:is|are|was|were) (?:also |now |currently |meant |intended )?(?:planned|planning|meant)|planned)"),
    ("en-purpose", _A, r"(?:with a view to|efforts? to|push(?:ing|es)? to|(?:in a |its |their )bid to|"
     r"(?:in order |so as )?to (?:" + _OUTCOMES + r"))"),
    ("en-judge", _O, r"(?:should|must(?! have)|ought to|"
        r"(?<!funding )(?<!energy )(?<!power )(?<!computing )(?:needs? to|needs)|"
        r"(?:is|are|be|was|were) (?:still )?(?:needed|required|necessary)|requires?|risks?|threatens?|fears?|feared|"
        r"questioned|deserves?|an estimated|has to|have to|"
        r"had better|may|might|could|"
        r"essential|imperative|crucial|vital|insufficient|inadequate|not enough|"
     r"too (?:few|much|many|big|high|costly|expensive|optimistic|ambitious|small|little|late|low|slow|modest)|"
     r"unrealistic|falls? (?:far )?short|doubt(?:s|ed|ful)?|call(?:s|ed|"
     r"ing) (?:for|on)|urg(?:es?|ed|ing)|recommend(?:s|ed|ing)?|argu(?:es?|ed|ing)|"
     r"believes?|believed|contends?|insist(?:s|ed)|warn(?:s|ed|ing)?|criticis?z?(?:es|ed|ing)|suggests?|in (?:my|"
     r"our|his|her) (?:view|opinion)|"
     r"(?:potential|possible) (?:use|for|to)|can be (?:met|used|harnessed|reached|achieved)|opportunit(?:y|"
     r"ies) (?:for|include|to)|if (?:it|the|korea|we|they))"),
    ("en-would", _O, r"would"),
    ("en-law", _C, r"(?:budgets?(?: (?:for )?[0-9]{4}(?:-[0-9]{2,4})?)?|bill|act|spending review|law|legislation)"
        r"(?: [a-z]+){0,4}? (?:provides?|includes?|contains?|offers?|sets out|delivers?|proposes (?:to provide|"
        r"to invest)?)"),
    ("en-decided", _C, _DONE + r"(?:decid(?:ed|es)|decision to|agree(?:d|s)|resolved|pledg(?:ed|es?|ing)|"
        r"promis(?:ed|es?|ing)|"
        r"vow(?:ed|s)|undert(?:ook|aken|akes)|committ(?:ed|ing)|commits?|commitment to|guarantee(?:d|s)|contracted|"
        r"mandat(?:ed|es)|entitled|bound|obliges?|obliged)"
     r"(?: itself| themselves| in principle)?(?: to| that)?"),
    ("en-budget", _C, _DONE + r"(?:allocat(?:ed?|es|ing|ions?)|earmark(?:s|ed|ing)?|sets? aside|setting aside|"
        r"appropriat(?:ed?|es|ing)|approv(?:ed?|es|ing)|budget(?:s|ed|ing)?(?! of)|finali[sz]e[sd]?|"
     r"ring-?fence[ds]?|authori[sz]e[sd]?|sanctioned|cleared|(?:has|have) confirmed (?:a|an|the)|(?<!-)(?:backed|"
     r"underpinned|"
     r"financed) (?:by|with)|dedicat(?:ed|es|ing)|(?:awarded|granted)(?= (?:[a-z]+ )?(?:[$€£¥₹]|[0-9]))|allott?ed|"
     r"pencill?ed in|voted|devot(?:ed|es|ing)|"
     r"reserv(?:ed|es)|"
     r"green-?lit|green-?lights?|(?:signed|signs) off(?: on)?|secured (?:in|through|by) the budget|assign(?:s|ed)|"
     r"endorsed|enacted|adopted|legislated|ratified)"),
    ("en-plan", _A, _PLAN),
    ("en-due", _C, r"(?:" + _DUE + r"|(?:is|are|was|were) to|to be (?:completed|built|opened|delivered|"
        r"installed|finished|invested|spent|provided|supplied|established|used|trained|secured|deployed|launched|"
        r"held)|"
     r"(?:is|are) (?:getting )?(?:ready|preparing) to|(?:is|are|was|were) (?:scheduled|slated|due)|"
     r"scheduled (?:for|to)|slated (?:for|to)|due (?:to|in|by|for)|under (?:construction|contract)|on order|"
     r"in the pipeline|on track (?:to|for))"),
    ("en-plan-to", _A, r"(?:plans?|proposals?|bids?) (?:to|calls? for|foresees?|that)"),
    ("en-plans", _C, r"plans?(?: (?:for|of|includes?|involves?|worth))?"),
    ("en-will", _C, r"(?:will|shall|ll|won[’']t|is going to|are going to)"),
    ("en-contract", _C, _DONE + r"(?:signed|inked|sealed|struck|concluded|awarded|placed|"
        r"clinched)(?: [^ ,;]{1,20}){0,7}? (?:agreements?|contracts?|deals?|mou|memorandum|orders?|pacts?|"
        r"accords?|treaty)|(?:has |have |had )?(?:already |now )?ordered|(?:gave|gives|given|giving|won|wins|got|"
        r"gets) "
        r"(?:its |their |the |final |formal |cabinet )*(?:approval|green light|go-ahead|nod|backing)|(?:deals?|"
        r"contracts?|agreements?|mou|accord|pact) (?:to|for|worth|under which|valued|will see)"),
    ("en-told-plan", _A, _DONE + r"(?:announced|unveiled|laid out|set out|outlined|released|revealed|confirmed|"
        r"published) "
        r"(?:[a-z0-9-]+ ){0,3}?(?:plans?|proposals?|intentions?) to"),
    ("en-announced-plan", _C, _DONE + r"(?:announced|unveiled|laid out|set out|outlined|released|"
        r"published) (?:[a-z0-9-]+ ){0,4}?(?:package|programmes?|programs?|roadmap|strategy)(?: (?:to|for|"
        r"of|that))?"),
    ("en-said", None, SAID + r" (?:that|on|in|it|he|she|they)"),
    ("en-announced", _C, _DONE + r"(?:announc|unveil)(?:ed|es|ing)|announcement of|(?:laid|set) out|"
        r"(?<!as )outlin(?:ed|es)|rolled out"),
    ("en-spends", _C, r"(?:(?:is|are|re|m) (?:also |now |currently )?(?:investing|spending|providing|committing|"
        r"putting|"
        r"pumping|"
        r"injecting|channell?ing|pouring|funding|offering|contributing|backing|ploughing|plowing|building|buying|"
        r"making|adding|"
        r"freeing up|making available|mobili[sz]ing|releasing|installing|deploying|expanding|doubling|tripling|"
        r"leasing|renting|"
        r"hiring|ordering|training|giving|supplying|devoting)|(?<!to )(?:invests?|spends?|(?:goes|go) to|"
        r"provides for|injects?|commits|pours|"
        r"pumps|backs|bets|buys|"
        r"orders|launches|unveils|doubles|triples|builds|contributes?|funds|lines? up))"),
    ("en-headline", _C, r"(?<=[a-z.] )(?<!plan )(?<!how )(?<!ability )to (?:invest|spend|build|buy|provide|fund|"
        r"deploy|launch|open|"
        r"supply|create|get|receive|host|install|double|triple|pour|pump|inject|commit|allocate|train|secure|"
        r"purchase|procure|"
        r"add|expand|boost|establish|set up|give)"),
    ("en-available", _C, r"(?:is|are|being|been) (?:now |also |already )?(?:made )?(?:available|on offer|"
        r"up for grabs)"),
    ("en-sums", _C, _SUMS + r" (?:of|worth|totall?ing|amounting to|valued at)"),
    ("en-since", _F, r"(?:after|having|since|by|despite|following) (?:already )?(?:spending|investing|securing|"
        r"buying|building|"
        r"raising|training|installing|receiving|opening|allocating|spent|invested|secured|bought|built|raised|"
        r"trained|received)|"
        r"(?:was|were|been|has|have)? ?(?:shelved|cancell?ed|scrapped|axed|withdrew|withdrawn|abandoned|slashed|"
        r"delayed)"),
    ("en-was", _F, r"(?:(?:had|was|were)(?: been)?|(?:has|have) (?:already |now |also |since |"
        r"so far )?(?:been )?(?!proposed|planned|hoped|intended|asked|pledged|promised|vowed)[a-z]{2,14}(?:ed|en|"
        r"ught|wn|lt|nt|old|ade|et|un|ept|aid)|"
     r"spent|invest(?:ed)|amount(?:s|ed) to|represent(?:s|ed)|equals|equates? to|makes up|made up|costs|numbers|"
     r"opened|created|founded|formed|launched|began|begun|started|installed|delivered|received|bought|purchased|built|"
     r"completed|operat(?:ed|es)|suppl(?:ied|ies)|trained|employ(?:ed|s)|rose|risen|fell|fallen|"
     r"grew|grown|increased|decreased|declined|reached|stood|stands|account(?:ed|s) for|total(?:l?ed|s)|recorded|"
     r"won (?:an?|the)|raised|held|hosted|supported|provided|granted|hired|produced|"
     r"shipped|exported|imported|deployed|added|came|climbed|dropped|exceed(?:ed|s)|doubled|tripled|paid|"
     r"published|ranked|ranks|placed|became|selected|chose|chosen|achieved|joined|established|"
     r"set up|introduced|contributed|collected|obtained|acquired|secured|disbursed|distributed|handed|generated|"
     r"controls?|owns?|runs?|houses|hosts|consum(?:ed|es)|serves?|remains?|boasts?|"
     r"contains?|includes?|consists?|compris(?:es?|ing)|currently|so far|as of|lists?|up from|down from|"
     r"compared (?:with|"
     r"to)|already|last year|last month|drew|attracted|met|gave|took|made|went|saw|showed|finished|cost|used|"
     r"equipped|filed|sold)"),
)  # fmt: skip


def _table(rules: Sequence[tuple[str, Stance | None, str]], edge: str, end: str) -> re.Pattern[str]:
    return re.compile(
        edge + "(?:" + "|".join(f"(?P<r{at}>{words})" for at, (_, _, words) in enumerate(rules)) + ")" + end
    )


ENGLISH_CUES: Final = _table(ENGLISH, r"(?<![a-z0-9-])", r"(?![a-z0-9-])")

_SYLLABLES: Final = [chr(code) for code in range(0xAC00, 0xD7A4)]
_N: Final = "".join(one for one in _SYLLABLES if (ord(one) - 0xAC00) % 28 == 4)  # that end in n: "산다", "들여온다"
_L: Final = "".join(one for one in _SYLLABLES if (ord(one) - 0xAC00) % 28 == 8)  # that end in l: "지을 것", "살지"

KOREAN: Final[tuple[tuple[str, Stance | None, str], ...]] = (
    ("ko-undecided", Stance.UNCLEAR, r"(?:정해지|확정되|결정되|확인되|공개되)지 않|미정|미확정|(?:검토|논의|협의|"
        r"조율|협상|고민|저울질)(?: ?중|하고|한다|에 |가 진행|해 나가|할 |"
        r"하기로|합니다|되고|된다)|타진|고심|알 수 없|알려지지 않|여부|미지수|불투명|(?:통과|확정|승인|의결)(?:되면|"
        r"하면|될 경우|할 경우)|"
        r"[" + _L + r"]지(?:는|를|도|가|에 대해서는|에 대해)?[ ,]|[" + _L + r"] 것으로 (?:알려졌|전해졌|알려진|"
        r"전해진)|결론(?:을 내지|이 나지)|확답|(?:들여다|살펴|따져) ?보(?:고|는 중)|만지작|"
        r"(?:확인해|말해|답해) ?줄 수 없|(?:결과|여부|결정)에 달(?:려|렸)|(?:투자|인수|매각|철수|합작|도입|이전)설"),
    ("ko-forecast", _O, r"전망(?:이다|이라|된다|됐다|된|했다|이 나|돼|되|치|하고|하며|입니다)|예상(?:된|됐|했|되|"
        r"한다|하)|예측(?:된|했|했다)|관측(?:이다|된|이 나)|내다봤|내다보|추정(?:된|했|되)|"
     r"(?:것으로|으로|로) (?:보인다|보고|보이|예상|전망|추산|기대)|수 있(?:다|을|으)|가능성|기대(?:된다|를 모)|"
     r"(?:ㄹ|을|할|될) 것이라는 (?:전망|관측|분석)"),
    ("ko-forecast", _O, r"(?:일|늘어날|불어날|증가할|감소할|줄어들|떨어질|오를|커질|이를|넘을|넘길|넘어설|달할|"
        r"도달할|웃돌|성장할|높아질|낮아질|필요할|"
        r"부족할|빨라질|상승할|하락할|벌어질|걸릴|소요될|육박할|확대될) (?:것|전망|가능성|듯)"),
    ("ko-judge", _O, r"(?:지적|경고|우려|분석|관측|목소리|주장|말|평가|의견|비판|얘기|견해|시각)(?:이|가|도) (?:나온|"
    r"나왔|나오|제기|있|잇따|많|커)|"
        r"(?:해|아|어|여|져|려|와|꿔|둬|워|춰|켜|쳐|라|가|나|서|줘|혀|겨|써|봐|돼|내|대|세|"
        r"매)야 ?(?:한다|할|하|했|합니다|만|된다|돼)|필요(?:하다|가 있|성|하며|하고|합니다|할)|부족하|부족한|"
        r"지적(?:했|이|한|된|하)|주장(?:했|한|하)|촉구|"
     r"우려(?:했|가|된|하|를)|비판|꼬집|평가(?:했|된|하|받)|의문|아쉽|제언|권고|바람직|시급|역부족|"
     r"분석(?:이다|했|된|이 나|하)|턱없이"),
    ("ko-aim", _A, r"목표(?:로|다|이다|를|는|치|가|라|인|했|입니다|임|에)?|지향|꿈꾸|꿈이|포부|희망(?:한다|하고|"
        r"했)|바라고|바란다|염원|고자 (?:한다|하|합니다)|(?:되|하|이루|만들|올리|높이|이|기)려(?:고 한다| 한다|는)|"
     r"(?:도약|진입|달성|올라서|끌어올|올려놓|거듭나|견인|선도)[가-힣]{0,3} ?(?:계획|방침|예정|구상|것이다|것이라|"
     r"겠다|다는|하겠|한다는|기 위|하기 위|위해|복안|청사진|한다)|(?:되|거듭나|도약하|올라서|진입하|선도하)겠|"
     r"노력(?:한다|하고|할|하겠)|구상|모색|복안|추진 ?중|나섰|나서고 있|청사진|(?:바라본|노린|겨냥한|넘본|꿈꾼)다|"
     r"(?:노리|겨냥하)고 있|추진(?:한다|"
     r"합니다|하고 있|된다)|요청(?:했|한다|"
     r"하고|할)|신청(?:했|한다)|건의(?:했|한다)|검토해 나|비전|(?:도약|진입|달성|강국|"
     r"되)[가-힣]{0,3} ?(?:기 )?위(?:해|한)"),
    ("ko-decided", _C, r"기로 ?(?:했|하|결정|합의|확정|뜻|약속|한다|의결|최종|공식|방침)|약속(?:했|한|하)|공언|"
        r"합의(?:했|한|하|를)|체결(?:했|한|하)|결정(?:했|한|하|됐)|맺(?:었|고)|공약"),
    ("ko-budget", _C, r"(?:확정|편성|배정|책정|의결|반영|배분|할당|증액|마련|지정|계상|승인)(?:했|됐|되었|하였|한|"
        r"된|돼|하|되|키로)|통과(?:했|됐|되었|시)|"
        r"(?:담았|담겼|담긴)|예산[가-힣0-9,.조억만천 ()]{0,40}(?:으로|로) (?:[가-힣]{1,5} )?(?:확대|증액|늘|인상|"
        r"상향)(?:했|됐|렸|하|"
        r"된)"),
    ("ko-plan", _C, r"계획(?:이다|이라|을|할|하고|하에|이며|으로|입니다|임|이고|대로|한|됐|하|도|은|에)?|"
        r"방침(?:이다|이라|을|입니다|임|이며|으로|도)?|예정(?:이다|이라|된|됐|입니다|임|이며|으로|대로|인)?|(?:할|"
        r"될|릴) 예정|"
        r"나선다|나설|나서기로|나섭니다|착수한다|돌입한다"),
    ("ko-will", _C, r"겠(?:다|습니|으며|고)|[" + _L + r"] 것(?:[”’\"']{0,2}이(?:다|라|며|고)|[”’\"']{0,2}(?:라고|"
        r"이라고)|입니다|임|으로 ?(?:밝|전|말))|ㄹ 것"),
    ("ko-state", _F, r"(?:차지|의존|해당|보유|달|운영|이용|사용|활용|기록|존재|상회|하회|의미|근무|소비|가동|불과|"
        r"포함|초과|재직|필요로|담당|점유|생산|상당|보유하고|처리)(?:한다|하고|하며|합니다|했|하는)|에 달(?:한다|했|"
        r"하)|불과(?:하|했)|수준이다|뿐이다|그쳤|그친다|머물|(?:넘|웃돌|밑돌|못 미치)는다|(?:넘어선|웃돈|밑돈|이른|미친|넘긴)다|"
        r"(?:을|를|이|가) 넘는다"),
    ("ko-present", _C, r"(?:투입|투자|지원|공급|구축|확보|도입|제공|육성|양성|조성|개소|개설|설립|설치|추진|마련|"
        r"선발|채용|출연|배치|늘|확대|강화|신설|완공|완료|가동을 시작|집행|출범|시작|개발|선정|모집|발주|구매|"
        r"매입|건설|착공|배포|개방|부담|출자|발행|공모|교육|전환|지급|보급|신축|증설|운용|보조|개최|선보인|내놓는|"
        r"쏟아붓는|건립|연다|세운|짓는|뽑는|키운|돕는|만든|푼다|들인|사들인|늘린|높인|줄인)"
     r"(?:한다|합니다|된다|됩니다|다(?![가-힣])|다고|하게 된다|할 수 있도록 한다|해 나간다|해나간다|키로)"),
    ("ko-present", _C, r"(?:투입|투자|지원|공급|구축|확보|도입|제공|조성|출자|배치|집중|배분|할당|활용|매입|구매|"
        r"임차|임대|발주|출연|신설|증설|완공|착공|가동|"
        r"설립|건설|양성|육성|선발|모집|보급|집행|확대|충당|배정|편성|부담|지급)(?:(?:을|를) (?:시작|확대|"
        r"본격화)한다|에 (?:쓴|쓰인|들어간|나선|착수한)다|되며|되고(?! 있)|"
        r"될 |하게 되|에 쓰)"),
    ("ko-present", _C, r"(?:쏟아붓|내놓|짓|뽑|돕|받|맡|갖추)는다|(?:들어간|쓰인|맡긴|쓴|건넨|보탠|푼|돌린|쏟는|"
        r"얹는)다(?!는)|(?:연|세운|키운|만든|들인|늘린|높인|"
        r"줄인|선보인|꾸린|푼|띄운|댄|준|나눠준)다(?![가-힣])|(?:연|세운|키운|만든|들인|늘린|높인|줄인|꾸린)다고"),
    ("ko-said", None, r"(?:밝혔|말했|전했|설명했|덧붙였|알렸|보도했|강조했|밝힌|전한|귀띔|언급했|밝히|소개했|"
        r"역설했|당부했)"),
    ("ko-past", _F, r"(?:한|된|은|낸|린|긴) (?:데 (?:이어|그치|그친|불과)|바 있|적이? 있|결과|뒤|후|이후)|(?:해당|"
        r"달|상당)하(?:던|였)|에 불과|뿐이"),
    ("ko-announced", _C, r"(?:발표|공개|공표|선언|천명)(?:했|한|하|됐)|내놨|내놓았|제시했|공고했"),
    ("ko-was", _F, r"(?:[가-힣](?<=[했됐였었았랐렸냈났섰뒀졌갔왔켰웠쳤겼봤샀썼잡컸탔깼셨쳤혔폈녔줬꿨췄]))(?:다|고|"
        r"으며|지만|는데|던|습니다|음)|하고 있다|고 있(?:다|으며|습니다)|중이다|집계|나타났|이뤄졌|지난해|작년|"
        r"지난달|현재"),
    ("ko-is", _F, r"(?:이다|있다|없다|였다|다르다|많다|적다|크다|높다|낮다|된 상태|입니다|"
        r"있습니다)(?=[\s.”\"’')]|$)"),
    ("ko-grows", _O, r"(?:늘어난|줄어든|커진|높아진|낮아진|빨라진|향상된|증가한|감소한|성장한|모자란|걸린|든|오른|"
        r"떨어진|내린|본|보인)다(?=[\s.”\"’',)]|고|$)"),
    ("ko-does", _C, r"[" + _N + r"]다(?=[\s.”\"’',)]|고|며|$)"),
)  # fmt: skip
KOREAN_CUES: Final = _table(KOREAN, "", "")


def _may_start(word: str) -> bool:
    """Whether a rule's words may begin with a word."""
    if word in _MIDST:
        return False
    return word[:4] in _STARTS or word[:3] in _STARTS or word[:2] in _STARTS


def english_matches(text: str) -> Iterator[re.Match[str]]:
    """What `ENGLISH_CUES.finditer` gives, but tried only at words that begin like one of the rules'."""
    past = 0
    for word in _EN_WORD.finditer(text):
        if word.start() >= past and _may_start(word.group()):
            match = ENGLISH_CUES.match(text, word.start())
            if match is not None:
                past = match.end()
                yield match


# A rule's words begin with one of these: all runs of letters in the rules, less a last letter that may be missing ("plans?").
_EN_WORD: Final = re.compile("['’]?[a-z]+")
_LITERALS: Final = {
    run[:-1] if optional else run
    for _, _, words in ENGLISH
    for run, optional in re.findall("(['’]?[a-z]+)([?]?)", words.replace(r"\b", " "))
}
_MIDST_WORDS: Final = (
    "the and its for that their this of on an his her he she they it a global"  # never the first of a rule
)
_MIDST: Final = frozenset(_MIDST_WORDS.split())
_STARTS: Final = frozenset(run[:4] for run in _LITERALS - _MIDST)
