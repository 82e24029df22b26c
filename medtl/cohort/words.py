"""Words that people write into tables, in lower case: for a missing value, a unit of age, a sex, a healthy class.

Each is a plain list; what it means stands where it is used (`cells`, `positive_class`).
"""

MISSING = (
    "na|n/a|n.a.|n.a|n. a.|n a|<na>|#n/a|#n/a n/a|#na|#nv|#n/d|n/d|#value!|#wert!|#ref!|#bezug!|#div/0!|#num!|#zahl!|"
    "#name?|#null!|nan|-nan|nat|1.#ind|-1.#ind|1.#qnan|-1.#qnan|null|(null)|\\n|nil|none|undefined|unknown|unk|"
    "not known|missing|not available|not applicable|not stated|not reported|not recorded|not specified|not done|"
    "empty|(empty)|(blank)|unbekannt|fehlend|keine angabe|k.a.|k. a.|k.a|inconnu|inconnue|manquant|non disponible|"
    "desconocido|desconocida|no disponible|sconosciuto|non noto|desconhecido|onbekend|okänd|ukjent|ukendt|neznámé|"
    "nieznane|неизвестно|нет данных|未知|不明|缺失|欠損|미상"
)

YEARS = "y yr yrs year years yo j jahr jahre a an ans año años ano anos anno anni jaar år лет год года 歳 岁"
MONTHS = "m mo mon mos mth mths month months monat monate mois mes meses mese mesi maand maanden"
WEEKS = "w wk wks week weeks woche wochen semaine semaines semana semanas"
DAYS = "d day days tag tage jour jours día días dia dias giorno giorni dag dagen"

FEMALE = (
    "f female females woman women girl w weiblich frau mädchen femme féminin feminin femenino femenina mujer femmina "
    "femminile feminino fem vrouw vrouwelijk kvinna kvinne kvinde kobieta žena женский жен ж 女 女性 여 여성"
)
MALE = (
    "m male males man men boy männlich mann junge homme masculin masculino hombre varón maschio maschile masc "
    "mannelijk mand mężczyzna muž мужской муж 男 男性 남 남성"
)
OTHER_SEX = "o other x d diverse divers intersex nonbinary non-binary"

HEALTHY = (
    "normal normals normale normali normales normaux normaal normalny normální normalt нормальный норма healthy "
    "health hc cn nc nl wt wildtype negative negatives neg negativ negativo negativa negatif négatif négative "
    "negatief negatieve negatywny отрицательный none no not non nil nothing nope control controls ctrl ctl "
    "kontrolle kontrollen contrôle controle controllo controlli contrôles kontrola kontroll témoin temoin témoins "
    "контроль benign benigne benigno benigna bénin bénigne benin gutartig goedaardig łagodny доброкачественный "
    "absent absence absente ausente assente abwesend afwezig gesund gesunde gesunder sano sana sani sane sain "
    "saine sains sanos saudável saudavel sağlıklı saglikli zdrowy zdravý frisk gezond terve здоровый здоров "
    "здоровые unaffected unremarkable free false n nein nee nej ne nie нет kein keine keiner ohne aucun aucune "
    "sans sin ningún ninguno ninguna nessun nessuno nessuna senza sem nenhum nenhuma geen ingen brak без noncase "
    "noncases nonevent noevent nofinding nofindings notumor notumour nodisease nodr survivor survived alive "
    "unauffällig unauffaellig befundlos asymptomatic"
)
HEALTHY_SIGNS = (
    "正常 健康 阴性 陰性 良性 无 無 对照 対照 對照 정상 음성 대조 "
    "سليم طبيعي سلبي सामान्य स्वस्थ ปกติ תקין בריא φυσιολογ υγι"
)
