"""What the name of a folder looks like: a class, a person, a date, an id, a part of a split, a site.

Lists of words never end. They are used in the safe direction only: what is not known to be a class is not taken for one
unless somebody says so, since a name that is taken for a class stands in the manifest, on pages and on the console.
"""

from __future__ import annotations

import re

from medtl.intake.name_parts import HUMPS, is_image_part, is_sequence, parts_of

SPLITS = {
    "train": "train", "training": "train", "tr": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "dev": "validation", "test": "test", "testing": "test", "ts": "test",
}  # fmt: skip
"""What the folders of a split are called, and how a manifest names them."""

CLASS_WORDS = re.compile(
    r"normal|health|control|ctrl|benign|malign|negativ|positiv|^neg$|^pos$|^yes$|^no$|^non$|^not$|^none$|^with$|^without$|disease|"
    r"infect|cancer|tumou?r|carcino|pneumon|covid|opacit|lesion|nodul|mild|moderate|severe|prolifer|^grades?|^stage|"
    r"^class|^birads|^bi$|^rads$|^gleason|^isup|^kl$|demen|alzheim|^ad$|^mci$|^cn$|cognit|^cell|viral|^virus|bacteri|"
    r"tubercul|^tb$|diabet|^dr$|^amd$|^dme$|^cnv$|drusen|glauco|catarac|myop|hyperten|fractur|hernia|effusion|edema|"
    r"oedema|emphysem|fibro|atelect|cardiomeg|pleural|thicken|consolid|infiltr|hemorrh|haemorr|bleed|stroke|ischem|"
    r"ischaem|infarct|aneurysm|calcif|stenos|polyp|ulcer|metast|invasiv|in_?situ|primary|recurr|respon|progress|alive|dead|"
    r"surviv|^ill$|^sick|gesund|krank|^patients?$|^cases?$|affected|abnormal|other$|unknown|squamous|basal|serous|mucinous|"
    r"pituitar|lymph|myelo|oma$|omas$|itis$|osis$|oses$|iasis$|emia$|aemia$|pathy$|plasia$|trophy$|plegia$|ectasis$|"
    r"megaly$|cyst|vasc|nevus|naevus|keratos|wart|acne|psoria|eczema|sano$|sain$|enferm|malade|norm$|sever|high$|low$",
    re.IGNORECASE,
)  # fmt: skip
"""Words, beginnings and endings of what classes are called; looked for in each part of a name."""

GRADE_WORDS = re.compile(r"grades?|stages?|class|birads|rads|bi|isup|kl|level|type|score|gleason|label|who|t|n|m|g",
                         re.IGNORECASE)  # fmt: skip
SITE_WORDS = re.compile(
    r"hospitals?|sites?|cent(?:er|re)s?|clinics?|klinik(?:um)?|institut(?:e|ion)?|scanner|vendor|siemens|philips|ge|"
    r"canon|toshiba|hopital|hôpital|krankenhaus|charite|ospedale|cohort|batch|dataset|data|part|set|folder|subset",
    re.IGNORECASE,
)
DATE = re.compile(
    r"(?:19|20)\d{2}[-_. ]?[01]?\d[-_. ]?[0-3]?\d|[0-3]?\d[-_. ][01]?\d[-_. ](?:19|20)?\d{2}|(?:19|20)\d{2}"
)


def split_of(folder: str) -> str:
    """The part of a split that a folder is: `train`, `images_train`, `imagesTr`; empty for any other."""
    words = [word.casefold() for part in parts_of(folder) for word in HUMPS.split(part)]
    found = [SPLITS[word] for word in words if word in SPLITS]
    rest = [word for word in words if word not in SPLITS and not is_image_part(word) and word not in ("set", "data")]
    return found[0] if len(found) == 1 and not rest else ""


def has_class_word(folder: str) -> bool:
    """Whether a part of the name is known from classes."""
    return any(CLASS_WORDS.search(part) for part in parts_of(folder))


def may_name_somebody(folder: str) -> bool:
    """Whether the name may be a person's, a date or an id: two words that are no class's, a comma, figures."""
    if has_class_word(folder):
        return False
    parts = parts_of(folder.replace(",", " ").replace("^", " "))
    if "," in folder or "^" in folder or len([part for part in parts if part.isalpha()]) > 1:
        return True
    if DATE.fullmatch(folder.strip()):
        return True
    alphabetic = "".join(sign for sign in folder if sign.isalpha())
    return any(sign.isdigit() for sign in folder) and GRADE_WORDS.fullmatch(alphabetic or "-") is None


def is_site(folder: str) -> bool:
    """Whether the name means a hospital, centre, scanner, batch or the like, and so no patient."""
    return any(SITE_WORDS.fullmatch(re.sub(r"\d+", "", part) or "-") for part in parts_of(folder))


def is_sequence_folder(folder: str) -> bool:
    """Whether the folder holds one sequence or view: `t1`, `FLAIR`."""
    parts = parts_of(folder)
    return bool(parts) and all(is_sequence(part) for part in parts)
