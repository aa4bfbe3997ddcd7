"""The rows of who is known by name, as `known` reads them: countries, bodies of governments, and all others. Data only."""

from __future__ import annotations

from typing import Final

# code | names | adjectives | capital that stands for the government | Korean names
COUNTRY_ROWS: Final = """
KR|South Korea;Republic of Korea;Korea;ROK|South Korean;Korean|Seoul|한국;대한민국;우리나라;국내
US|United States;United States of America;U.S.;US;USA;America|American;U.S.;US|Washington|미국;美;미
CA|Canada|Canadian|Ottawa|캐나다
JP|Japan|Japanese|Tokyo|일본;日
CN|China;People's Republic of China;PRC|Chinese|Beijing|중국;中
IN|India|Indian|New Delhi;Delhi|인도
EU|European Union;EU;Europe;E.U.|European;EU|Brussels|유럽연합;유럽;EU
GB|United Kingdom;UK;U.K.;Britain;Great Britain|British;UK;U.K.|London;Whitehall|영국
AE|United Arab Emirates;UAE;U.A.E.;Emirates|Emirati;UAE|Abu Dhabi|아랍에미리트;UAE
SG|Singapore|Singaporean;Singapore||싱가포르
FR|France|French|Paris|프랑스
DE|Germany|German|Berlin|독일
TW|Taiwan|Taiwanese|Taipei|대만
SA|Saudi Arabia|Saudi;Saudi Arabian|Riyadh|사우디아라비아;사우디
AU|Australia|Australian|Canberra|호주
NZ|New Zealand|New Zealand|Wellington|뉴질랜드
IT|Italy|Italian|Rome|이탈리아
ES|Spain|Spanish|Madrid|스페인
NL|Netherlands|Dutch|The Hague|네덜란드
SE|Sweden|Swedish|Stockholm|스웨덴
FI|Finland|Finnish|Helsinki|핀란드
NO|Norway|Norwegian|Oslo|노르웨이
DK|Denmark|Danish|Copenhagen|덴마크
CH|Switzerland|Swiss|Bern|스위스
PL|Poland|Polish|Warsaw|폴란드
IL|Israel|Israeli|Jerusalem|이스라엘
TR|Turkey;Türkiye|Turkish|Ankara|튀르키예;터키
RU|Russia|Russian|Moscow|러시아
BR|Brazil|Brazilian|Brasília;Brasilia|브라질
MX|Mexico|Mexican||멕시코
ID|Indonesia|Indonesian|Jakarta|인도네시아
VN|Vietnam;Viet Nam|Vietnamese|Hanoi|베트남
MY|Malaysia|Malaysian|Kuala Lumpur|말레이시아
TH|Thailand|Thai|Bangkok|태국
PH|Philippines|Philippine|Manila|필리핀
QA|Qatar|Qatari|Doha|카타르
KZ|Kazakhstan|Kazakh|Astana|카자흐스탄
ZA|South Africa|South African|Pretoria|남아프리카공화국;남아공
KE|Kenya|Kenyan|Nairobi|케냐
IE|Ireland|Irish|Dublin|아일랜드
AR|Argentina|Argentine|Buenos Aires|아르헨티나
AT|Austria|Austrian|Vienna|오스트리아
BE|Belgium|Belgian||벨기에
BG|Bulgaria|Bulgarian|Sofia|불가리아
CL|Chile|Chilean|Santiago|칠레
CO|Colombia|Colombian|Bogotá;Bogota|콜롬비아
CZ|Czech Republic;Czechia|Czech|Prague|체코
EE|Estonia|Estonian|Tallinn|에스토니아
EG|Egypt|Egyptian|Cairo|이집트
GR|Greece|Greek|Athens|그리스
HU|Hungary|Hungarian|Budapest|헝가리
LT|Lithuania|Lithuanian|Vilnius|리투아니아
LU|Luxembourg|Luxembourgish||룩셈부르크
MA|Morocco|Moroccan|Rabat|모로코
NG|Nigeria|Nigerian|Abuja|나이지리아
PK|Pakistan|Pakistani|Islamabad|파키스탄
PT|Portugal|Portuguese|Lisbon|포르투갈
RO|Romania|Romanian|Bucharest|루마니아
RW|Rwanda|Rwandan|Kigali|르완다
SI|Slovenia|Slovenian|Ljubljana|슬로베니아
UA|Ukraine|Ukrainian|Kyiv|우크라이나
UZ|Uzbekistan|Uzbek|Tashkent|우즈베키스탄
"""

# id | country | English names | Korean names | portfolios of whoever leads it, in lower case and Korean
BODY_ROWS: Final = """
kr-president|KR|Presidential Office;Office of the President;Blue House;Cheong Wa Dae|대통령실;청와대;대통령 비서실|
kr-prime-minister|KR|Office of the Prime Minister;Prime Minister's Office|국무총리실;국무조정실;총리실|
kr-msit|KR|Ministry of Science and ICT;Ministry of Science, ICT and Future Planning;MSIT|과학기술정보통신부;\
과기정통부;과기부|science;ict;science and technology;과기;과학
kr-moef|KR|Ministry of Economy and Finance;Ministry of Strategy and Finance;MOEF|기획재정부;기재부;재정경제부;\
재경부|finance;economy;strategy and finance;기재;경제
kr-mpb|KR|Ministry of Planning and Budget|기획예산처;예산처|budget
kr-motie|KR|Ministry of Trade, Industry and Energy;Ministry of Trade, Industry and Resources;MOTIE|\
산업통상자원부;산업통상부;산업부;산자부|industry;trade;산업
kr-mss|KR|Ministry of SMEs and Startups;SMEs ministry;MSS|중소벤처기업부;중기부|smes;smes and startups;startups;중기
kr-moe|KR|Ministry of Education|교육부|education;교육
kr-mnd|KR|Ministry of National Defense|국방부|defense;defence;national defense;국방
kr-mois|KR|Ministry of the Interior and Safety|행정안전부;행안부|interior;행안
kr-mohw|KR|Ministry of Health and Welfare|보건복지부;복지부|health;복지
kr-mcst|KR|Ministry of Culture, Sports and Tourism|문화체육관광부;문체부|culture;문화
kr-molit|KR|Ministry of Land, Infrastructure and Transport|국토교통부;국토부|land;transport;국토
kr-me|KR|Ministry of Climate, Energy and Environment;Ministry of Environment|기후에너지환경부;환경부;기후부|\
environment;climate;energy;환경
kr-moel|KR|Ministry of Employment and Labor|고용노동부;노동부|labor;employment;노동
kr-mofa|KR|Ministry of Foreign Affairs|외교부|foreign;foreign affairs;외교
kr-mafra|KR|Ministry of Agriculture, Food and Rural Affairs|농림축산식품부;농식품부|agriculture
kr-fsc|KR|Financial Services Commission|금융위원회;금융위|
kr-pipc|KR|Personal Information Protection Commission;PIPC|개인정보보호위원회;개인정보위|
kr-ai-committee|KR|National AI Strategy Committee;National AI Committee;Presidential AI Committee;\
Presidential Committee on AI|국가인공지능전략위원회;국가AI전략위원회;\
국가인공지능위원회;국가AI위원회;AI전략위|
kr-assembly|KR|National Assembly|국회|
kr-nia|KR|National Information Society Agency|한국지능정보사회진흥원;NIA|
kr-nipa|KR|National IT Industry Promotion Agency;NIPA|정보통신산업진흥원|
kr-iitp|KR|Institute of Information & Communications Technology Planning & Evaluation;IITP|정보통신기획평가원;IITP|
kr-nrf|KR|National Research Foundation of Korea|한국연구재단|
kr-kdb|KR|Korea Development Bank;KDB|한국산업은행;산업은행|
kr-pps|KR|Public Procurement Service|조달청|
kr-seoul|KR|Seoul Metropolitan Government;Seoul city government|서울시;서울특별시|
kr-gwangju|KR|Gwangju Metropolitan City;Gwangju city|광주시;광주광역시|
kr-busan|KR|Busan Metropolitan City;Busan city|부산시;부산광역시|
kr-daegu|KR|Daegu Metropolitan City;Daegu city|대구시;대구광역시|
kr-jeonnam|KR|South Jeolla Province|전라남도;전남도|
kr-gyeonggi|KR|Gyeonggi Province;Gyeonggi provincial government|경기도|
kr-aisi|KR|Korea AI Safety Institute;AI Safety Institute of Korea|AI안전연구소;인공지능안전연구소|
us-white-house|US|White House;Biden administration;Trump administration;Oval Office|백악관|
us-ostp|US|Office of Science and Technology Policy;White House Office of Science and Technology Policy;OSTP|\
과학기술정책실;백악관 과학기술정책실|science
us-doe|US|Department of Energy;DOE|에너지부|energy
us-doc|US|Department of Commerce;DOC|상무부|commerce
us-dod|US|Department of Defense;Department of War;Pentagon;DARPA|국방성;펜타곤|defense;war
us-treasury|US|Department of the Treasury;Treasury Department;US Treasury|재무부|treasury
us-state|US|State Department;Department of State|국무부|state
us-nsf|US|National Science Foundation;NSF|미국 국립과학재단;국립과학재단|
us-nist|US|National Institute of Standards and Technology;NIST|국립표준기술연구소|
us-bis|US|Bureau of Industry and Security|산업안보국|
us-gsa|US|General Services Administration;GSA|연방총무청|
us-nih|US|National Institutes of Health;NIH|미국 국립보건원|
us-nasa|US|NASA|미국 항공우주국|
us-california|US|State of California|캘리포니아주|
us-new-york|US|Empire AI;State of New York|뉴욕주|
us-congress|US|US Congress;U.S. Congress;Congress|미 의회;미국 의회|
us-nairr|US|National AI Research Resource;NAIRR|국가AI연구자원|
ca-ised|CA|Innovation, Science and Economic Development Canada;ISED|캐나다 혁신과학경제개발부|innovation;\
industry;artificial intelligence;science;ai;digital innovation
ca-nrc|CA|National Research Council of Canada;National Research Council Canada;National Research Council|\
캐나다 국립연구위원회|
ca-alliance|CA|Digital Research Alliance of Canada;Digital Research Alliance|캐나다 디지털연구연합|
ca-nrcan|CA|Natural Resources Canada|캐나다 천연자원부|natural resources;energy
ca-finance|CA|Department of Finance Canada;Finance Canada|캐나다 재무부|finance
ca-cifar|CA|CIFAR;Canadian Institute for Advanced Research|캐나다고등연구원|
ca-nserc|CA|Natural Sciences and Engineering Research Council;NSERC|캐나다 자연과학공학연구위원회|
ca-alberta|CA|Government of Alberta;Alberta government|앨버타주|
ca-cse|CA|Shared Services Canada|캐나다 공유서비스부|
ca-quebec|CA|Government of Quebec;Quebec government;Québec government|퀘벡주|
ca-ontario|CA|Government of Ontario;Ontario government|온타리오주|
ca-aisi|CA|Canadian AI Safety Institute;CAISI|캐나다 AI안전연구소|
jp-meti|JP|Ministry of Economy, Trade and Industry;METI|경제산업성|industry;economy, trade and industry
jp-mext|JP|Ministry of Education, Culture, Sports, Science and Technology;MEXT|문부과학성|science;education
jp-mic|JP|Ministry of Internal Affairs and Communications|총무성|communications
jp-nedo|JP|New Energy and Industrial Technology Development Organization;NEDO|신에너지산업기술종합개발기구|
jp-digital|JP|Digital Agency|일본 디지털청|digital
jp-mof|JP|Japanese Finance Ministry|일본 재무성|finance
jp-cabinet|JP|Cabinet Office|내각부|
cn-miit|CN|Ministry of Industry and Information Technology;MIIT|공업정보화부|industry
cn-most|CN|MOST|과학기술부|science
cn-ndrc|CN|National Development and Reform Commission;NDRC|국가발전개혁위원회|
cn-state-council|CN|State Council|국무원|
cn-mofcom|CN|Ministry of Commerce;MOFCOM|상무부(중국)|commerce
cn-mof|CN|Chinese Finance Ministry|중국 재정부|finance
cn-shanghai|CN|Shanghai government;Shanghai municipal government|상하이시|
cn-beijing|CN|Beijing municipal government;Beijing city government|베이징시|
cn-cac|CN|Cyberspace Administration of China|국가인터넷정보판공실|
in-meity|IN|Ministry of Electronics and Information Technology;Ministry of Electronics and IT;MeitY|\
전자정보기술부|electronics;it;information technology
in-cabinet|IN|Union Cabinet|인도 내각|
in-niti|IN|NITI Aayog|니티아요그|
in-indiaai|IN|IndiaAI Mission;India AI Mission;IndiaAI|인도AI미션|
in-mof|IN|Indian Finance Ministry|인도 재무부|finance
in-nsm|IN|National Supercomputing Mission|인도 국가슈퍼컴퓨팅미션|
in-dst|IN|Department of Science and Technology|인도 과학기술부|science
eu-commission|EU|European Commission;EU Commission;Commission|유럽연합 집행위원회;유럽위원회;EU 집행위원회;\
EU 집행위;집행위|
eu-parliament|EU|European Parliament|유럽의회|
eu-council|EU|European Council;Council of the European Union|유럽이사회|
eu-eurohpc|EU|EuroHPC Joint Undertaking;EuroHPC JU;EuroHPC|유로HPC|
eu-ai-office|EU|EU AI Office;European AI Office|유럽 AI사무국|
eu-eic|EU|European Innovation Council|유럽혁신위원회|
eu-eif|EU|European Investment Fund|유럽투자기금|
eu-eib|EU|European Investment Bank;EIB Group;EIB|유럽투자은행|
gb-dsit|GB|Department for Science, Innovation and Technology;DSIT|과학혁신기술부|science;technology;digital;ai
gb-treasury|GB|HM Treasury;UK Treasury|영국 재무부|chancellor;treasury
gb-ukri|GB|UK Research and Innovation;UKRI|영국연구혁신기구|
gb-aisi|GB|AI Security Institute;UK AI Safety Institute;AISI|영국 AI안전연구소|
gb-nwf|GB|National Wealth Fund|영국 국부펀드|
gb-scotland|GB|Scottish Government;Scottish government|스코틀랜드 정부|
gb-wales|GB|Welsh Government;Welsh government|웨일스 정부|
gb-epsrc|GB|Engineering and Physical Sciences Research Council;EPSRC||
gb-airr|GB|AI Research Resource;AIRR||
ae-atrc|AE|Advanced Technology Research Council;ATRC|첨단기술연구위원회|
ae-mubadala|AE|Mubadala|무바달라|
ae-adia|AE|Abu Dhabi Investment Authority|아부다비투자청|
sg-imda|SG|Infocomm Media Development Authority;IMDA|정보통신미디어개발청|
sg-mddi|SG|Ministry of Digital Development and Information;MDDI|디지털개발정보부|digital development
sg-nrf|SG|Singapore National Research Foundation|싱가포르 국립연구재단|
sg-mti|SG|Ministry of Trade and Industry|통상산업부|trade and industry
sg-smart-nation|SG|Smart Nation Group|스마트네이션|
sg-nscc|SG|National Supercomputing Centre Singapore;NSCC|싱가포르 국립슈퍼컴퓨팅센터|
sg-edb|SG|Economic Development Board|싱가포르 경제개발청|
sg-ai|SG|AI Singapore|AI싱가포르|
fr-bpi|FR|Bpifrance|비피아이프랑스|
fr-economy|FR|French Economy Ministry;Bercy|프랑스 경제부|economy;finance
fr-research|FR|French Research Ministry|프랑스 연구부|research;higher education
fr-caisse|FR|Caisse des Dépôts;Caisse des Depots|프랑스 예금공탁금고|
fr-genci|FR|GENCI|프랑스 국가고성능컴퓨팅기구|
fr-elysee|FR|Élysée;Elysee|엘리제궁|
de-bmftr|DE|Federal Ministry of Education and Research;Federal Ministry of Research, Technology and Space;BMBF|\
연방교육연구부|research
de-economy|DE|Federal Ministry for Economic Affairs;Economy Ministry of Germany|독일 경제부|economy;economic affairs
de-digital|DE|Federal Ministry for Digital and State Modernisation|독일 디지털부|digital
de-bavaria|DE|Free State of Bavaria|바이에른주|
it-mur|IT|Italian Research Ministry|이탈리아 대학연구부|research;university
it-mimit|IT|Ministry of Enterprises and Made in Italy|이탈리아 산업부|industry
es-digital|ES|Ministry for Digital Transformation|스페인 디지털전환부|digital;digital transformation
es-sett|ES|SETT|스페인 기술전환공사|
nl-economic|NL|Dutch Ministry of Economic Affairs|네덜란드 경제부|economic affairs;economy
pl-digital|PL|Polish Ministry of Digital Affairs|폴란드 디지털부|digital;digital affairs
br-mcti|BR|Brazilian Ministry of Science, Technology and Innovation;MCTI|브라질 과학기술혁신부|science;technology
br-finep|BR|Finep;FINEP|브라질 연구개발금융공사|
id-komdigi|ID|Komdigi;Kominfo|인도네시아 통신디지털부|communications;digital
my-mosti|MY|MOSTI|말레이시아 과학기술혁신부|science
my-digital|MY|Malaysian Digital Ministry|말레이시아 디지털부|digital
vn-most|VN|Vietnamese Ministry of Science and Technology|베트남 과학기술부|science
tr-tubitak|TR|TÜBİTAK;TUBITAK|튀르키예 과학기술연구위원회|
il-innovation|IL|Israel Innovation Authority|이스라엘 혁신청|
qa-qia|QA|Qatar Investment Authority;QIA|카타르투자청|
kz-digital|KZ|Kazakh Digital Ministry|카자흐스탄 디지털부|digital
au-disr|AU|Department of Industry, Science and Resources|호주 산업과학자원부|industry;science
tw-nstc|TW|National Science and Technology Council;NSTC|국가과학기술위원회|
tw-moda|TW|Ministry of Digital Affairs|디지털발전부|digital affairs
sa-pif|SA|Public Investment Fund;PIF|사우디 국부펀드|
sa-sdaia|SA|Saudi Data and AI Authority;SDAIA|사우디데이터인공지능청|
sa-humain|SA|Humain;HUMAIN|휴메인|
au-csiro|AU|CSIRO|호주연방과학산업연구기구|
"""

# id | kind | country | English names | Korean names
OTHER_ROWS: Final = """
korea-herald|press|KR|Korea Herald|코리아헤럴드
korea-times|press|KR|Korea Times|코리아타임스
joongang|press|KR|Korea JoongAng Daily|중앙일보
yonhap|press|KR|Yonhap News Agency;Yonhap|연합뉴스
japan-times|press|JP|Japan Times|재팬타임스
china-daily|press|CN|China Daily|차이나데일리
reuters|press||Reuters|로이터통신;로이터
bloomberg|press||Bloomberg|블룸버그통신;블룸버그
ft|press||Financial Times|파이낸셜타임스
un|international||United Nations;UN|유엔
oecd|international||OECD;Organisation for Economic Co-operation and Development|경제협력개발기구
imf|international||International Monetary Fund;IMF|국제통화기금
world-bank|international||World Bank|세계은행
iea|international||International Energy Agency;IEA|국제에너지기구
apec|international||APEC;Asia-Pacific Economic Cooperation|아시아태평양경제협력체
g7|international||G7;Group of Seven|주요 7개국
gpai|international||Global Partnership on AI;GPAI|
nvidia|company|US|Nvidia;NVIDIA|엔비디아
amd|company|US|AMD;Advanced Micro Devices|AMD
intel|company|US|Intel|인텔
openai|company|US|OpenAI;Open AI|오픈AI;오픈에이아이
anthropic|company|US|Anthropic|앤트로픽;앤스로픽
microsoft|company|US|Microsoft|마이크로소프트;MS
google|company|US|Google;Alphabet;Google DeepMind;DeepMind|구글;알파벳;딥마인드
amazon|company|US|Amazon Web Services;AWS;Amazon|아마존웹서비스;아마존
meta|company|US|Meta Platforms;Meta|메타
oracle|company|US|Oracle|오라클
xai|company|US|xAI|엑스AI
tesla|company|US|Tesla|테슬라
ibm|company|US|IBM|IBM
dell|company|US|Dell Technologies;Dell|델
hpe|company|US|Hewlett Packard Enterprise;HPE|휴렛팩커드 엔터프라이즈
micron|company|US|Micron|마이크론
broadcom|company|US|Broadcom|브로드컴
qualcomm|company|US|Qualcomm|퀄컴
cerebras|company|US|Cerebras|세레브라스
groq|company|US|Groq|그록
coreweave|company|US|CoreWeave|코어위브
blackrock|company|US|BlackRock|블랙록
cisco|company|US|Cisco|시스코
apple|company|US|Apple|애플
crusoe|company|US|Crusoe|크루소
lambda|company|US|Lambda Labs|람다
palantir|company|US|Palantir|팔란티어
super-micro|company|US|Supermicro;Super Micro|슈퍼마이크로
equinix|company|US|Equinix|에퀴닉스
digital-realty|company|US|Digital Realty|디지털리얼티
scale-ai|company|US|Scale AI|스케일AI
vantage|company|US|Vantage Data Centers|밴티지 데이터센터
kkr|company|US|KKR|KKR
samsung|company|KR|Samsung Electronics;Samsung;Samsung Group|삼성전자;삼성;삼성그룹
samsung-sds|company|KR|Samsung SDS|삼성SDS;삼성에스디에스
sk-hynix|company|KR|SK hynix;SK Hynix|SK하이닉스
sk-telecom|company|KR|SK Telecom;SKT|SK텔레콤;SKT
sk|company|KR|SK Group;SK|SK그룹;SK
naver|company|KR|Naver;NAVER;Naver Cloud;NAVER Cloud|네이버;네이버클라우드
kakao|company|KR|Kakao|카카오
lg|company|KR|LG AI Research;LG Electronics;LG Group;LG CNS;LG Uplus;LG|LG AI연구원;LG전자;LG그룹;LG CNS;LG유플러스;LG
kt|company|KR|KT Cloud;KT|KT클라우드;KT
hyundai|company|KR|Hyundai Motor Group;Hyundai Motor;Hyundai|현대자동차그룹;현대차그룹;현대자동차;현대차
nhn-cloud|company|KR|NHN Cloud;NHN|NHN클라우드;NHN
rebellions|company|KR|Rebellions|리벨리온
furiosaai|company|KR|FuriosaAI;Furiosa AI;Furiosa|퓨리오사AI;퓨리오사
deepx|company|KR|DeepX;DEEPX|딥엑스
upstage|company|KR|Upstage|업스테이지
nc-ai|company|KR|NC AI|NC AI
sapeon|company|KR|Sapeon|사피온
sk-broadband|company|KR|SK Broadband|SK브로드밴드
sk-ecoplant|company|KR|SK ecoplant|SK에코플랜트
hanwha|company|KR|Hanwha|한화
posco|company|KR|POSCO|포스코
doosan|company|KR|Doosan|두산
mobilint|company|KR|Mobilint|모빌린트
gs|company|KR|GS Group|GS그룹
kakao-enterprise|company|KR|Kakao Enterprise|카카오엔터프라이즈
kepco|company|KR|Korea Electric Power Corporation;KEPCO|한국전력공사;한국전력;한전
tsmc|company|TW|TSMC|TSMC
foxconn|company|TW|Foxconn;Hon Hai|폭스콘
asml|company|NL|ASML|ASML
softbank|company|JP|SoftBank;SoftBank Group|소프트뱅크
ntt|company|JP|NTT|NTT
rapidus|company|JP|Rapidus|라피더스
fujitsu|company|JP|Fujitsu|후지쯔
sakura-internet|company|JP|Sakura Internet|사쿠라인터넷
kddi|company|JP|KDDI|KDDI
pfn|company|JP|Preferred Networks|프리퍼드네트웍스
hitachi|company|JP|Hitachi|히타치
nec|company|JP|NEC|NEC
kioxia|company|JP|Kioxia|키옥시아
quanta|company|TW|Quanta|콴타
wistron|company|TW|Wistron|위스트론
mediatek|company|TW|MediaTek|미디어텍
tencent|company|CN|Tencent Cloud;Tencent|텐센트
alibaba|company|CN|Alibaba Cloud;Alibaba|알리바바
huawei|company|CN|Huawei|화웨이
baidu|company|CN|Baidu|바이두
bytedance|company|CN|ByteDance|바이트댄스
deepseek|company|CN|DeepSeek|딥시크
smic|company|CN|SMIC|SMIC
china-mobile|company|CN|China Mobile|차이나모바일
china-telecom|company|CN|China Telecom|차이나텔레콤
china-unicom|company|CN|China Unicom|차이나유니콤
moore-threads|company|CN|Moore Threads|무어스레드
cambricon|company|CN|Cambricon|캠브리콘
cohere|company|CA|Cohere|코히어
bell-canada|company|CA|Bell Canada;Bell AI Fabric|벨캐나다
telus|company|CA|Telus;TELUS|텔러스
tenstorrent|company|CA|Tenstorrent|텐스토렌트
reliance|company|IN|Reliance Industries;Reliance Jio;Reliance|릴라이언스
tata|company|IN|Tata Consultancy Services;Tata Group;Tata|타타
yotta|company|IN|Yotta Data Services;Yotta|요타
airtel|company|IN|Bharti Airtel;Airtel|에어텔
adani|company|IN|Adani Group;AdaniConneX;Adani|아다니
l-and-t|company|IN|Larsen & Toubro|라센앤토브로
e2e|company|IN|E2E Networks|E2E네트웍스
sarvam|company|IN|Sarvam AI;Sarvam|사르밤
deutsche-telekom|company|DE|Deutsche Telekom;T-Systems|도이체텔레콤
schwarz|company|DE|Schwarz Group|슈바르츠그룹
infineon|company|DE|Infineon|인피니언
ionos|company|DE|IONOS|이오노스
eviden|company|FR|Eviden;Atos|에비덴;아토스
ovhcloud|company|FR|OVHcloud;OVH|OVH클라우드
iliad|company|FR|Iliad|일리아드
edf|company|FR|EDF|프랑스전력공사
fluidstack|company|GB|Fluidstack|플루이드스택
telefonica|company|ES|Telefónica;Telefonica|텔레포니카
nebius|company|NL|Nebius|네비우스
stmicro|company|CH|STMicroelectronics|ST마이크로일렉트로닉스
telenor|company|NO|Telenor|텔레노르
aker|company|NO|Aker|아케르
core42|company|AE|Core42|코어42
khazna|company|AE|Khazna|카즈나
e-and|company|AE|Etisalat|이티살랏
stc|company|SA|STC|사우디텔레콤
aramco|company|SA|Saudi Aramco;Aramco|아람코
ytl|company|MY|YTL Power;YTL|YTL
fpt|company|VN|FPT|FPT
indosat|company|ID|Indosat|인도샛
st-telemedia|company|SG|ST Telemedia|ST텔레미디어
firmus|company|AU|Firmus|퍼머스
airtrunk|company|AU|AirTrunk|에어트렁크
cassava|company|ZA|Cassava Technologies;Cassava|카사바
mistral|company|FR|Mistral AI;Mistral|미스트랄;미스트랄AI
orange|company|FR|Scaleway|스케일웨이
siemens|company|DE|Siemens|지멘스
sap|company|DE|SAP|SAP
g42|company|AE|G42|G42
mgx|company|AE|MGX|MGX
arm|company|GB|Arm Holdings|ARM
nscale|company|GB|Nscale|엔스케일
graphcore|company|GB|Graphcore|그래프코어
singtel|company|SG|Singtel|싱텔
brookfield|company|CA|Brookfield Asset Management;Brookfield|브룩필드
kaist|institute|KR|KAIST;Korea Advanced Institute of Science and Technology|한국과학기술원;카이스트;KAIST
etri|institute|KR|ETRI;Electronics and Telecommunications Research Institute|한국전자통신연구원;ETRI
kisti|institute|KR|KISTI;Korea Institute of Science and Technology Information|한국과학기술정보연구원;KISTI
kist|institute|KR|KIST|한국과학기술연구원
stepi|institute|KR|STEPI;Science and Technology Policy Institute|과학기술정책연구원
snu|institute|KR|Seoul National University|서울대;서울대학교
postech|institute|KR|POSTECH|포스텍;포항공대
unist|institute|KR|UNIST|유니스트
gist|institute|KR|GIST|광주과학기술원
nst|institute|KR|National Research Council of Science and Technology|국가과학기술연구회
kr-nairl|institute|KR|National AI Research Lab;National AI Research Laboratory|국가AI연구거점;\
국가인공지능연구거점;국가 AI 연구거점
apf-canada|institute|CA|Asia Pacific Foundation of Canada;APF Canada|캐나다아시아태평양재단
mila|institute|CA|Mila|밀라
vector-institute|institute|CA|Vector Institute|벡터연구소
amii|institute|CA|Amii|
riken|institute|JP|RIKEN;Riken|이화학연구소;리켄
aist|institute|JP|AIST;National Institute of Advanced Industrial Science and Technology|산업기술종합연구소
argonne|institute|US|Argonne National Laboratory|아르곤 국립연구소
oak-ridge|institute|US|Oak Ridge National Laboratory|오크리지 국립연구소
nyu|institute|US|New York University;NYU|뉴욕대;뉴욕대학교
stanford|institute|US|Stanford University;Stanford|스탠퍼드대
cdac|institute|IN|Centre for Development of Advanced Computing;C-DAC|인도첨단컴퓨팅개발센터
tii|institute|AE|Technology Innovation Institute;TII|기술혁신연구소
inria|institute|FR|Inria|국립디지털과학기술연구소
bsc|institute|ES|Barcelona Supercomputing Center;Barcelona Supercomputing Centre|바르셀로나 슈퍼컴퓨팅센터
cineca|institute|IT|CINECA;Cineca|치네카
csc|institute|FI|CSC|핀란드 IT과학센터
lrz|institute|DE|Leibniz Supercomputing Centre|라이프니츠 슈퍼컴퓨팅센터
cscs|institute|CH|Swiss National Supercomputing Centre;CSCS|스위스 국립슈퍼컴퓨팅센터
epcc|institute|GB|EPCC;University of Edinburgh|에든버러대
bristol|institute|GB|University of Bristol|브리스톨대
cambridge|institute|GB|University of Cambridge|케임브리지대
turing|institute|GB|Alan Turing Institute|앨런튜링연구소
llnl|institute|US|Lawrence Livermore National Laboratory|로런스 리버모어 국립연구소
los-alamos|institute|US|Los Alamos National Laboratory|로스앨러모스 국립연구소
mit|institute|US|MIT|매사추세츠공대
toronto|institute|CA|University of Toronto|토론토대
tokyo|institute|JP|University of Tokyo|도쿄대
iisc|institute|IN|Indian Institute of Science|인도과학원
julich|institute|DE|Jülich Supercomputing Centre;Forschungszentrum Jülich|율리히 슈퍼컴퓨팅센터
kr-ncc|programme|KR|National AI Computing Center;National AI Computing Centre|국가AI컴퓨팅센터;\
국가 AI컴퓨팅센터;국가 AI 컴퓨팅센터;국가인공지능컴퓨팅센터
kr-ai-highway|programme|KR|AI Highway|AI 고속도로;AI고속도로
kr-growth-fund|programme|KR|National Growth Fund|국민성장펀드
kr-k-cloud|programme|KR|K-Cloud|K-클라우드;K클라우드
us-chips-act|programme|US|CHIPS and Science Act;CHIPS Act|칩스법;반도체법
us-stargate|programme|US|Stargate|스타게이트
us-stargate-uae|programme|AE|Stargate UAE;UAE Stargate|스타게이트 UAE
us-genesis|programme|US|Genesis Mission|제네시스 미션
ca-sovereign-compute|programme|CA|Canadian Sovereign AI Compute Strategy;Sovereign Compute Strategy|\
캐나다 소버린 AI 컴퓨트 전략
eu-invest-ai|programme|EU|InvestAI|인베스트AI
gb-isambard|programme|GB|Isambard-AI|이삼바드
"""
