"""Foreign words of DICOM headers, and the few of them that may be repeated to people.

A header's text can name a person in any element, also where the standard allows only certain words. So no text of a
header is quoted. A word goes out only as the defined term that it equals; everything else is `ANOTHER_VALUE`.

| element                      | what may go out                                              | source             |
|------------------------------|--------------------------------------------------------------|--------------------|
| Modality                     | `MODALITIES`                                                 | PS3.3 C.7.3.1.1.1  |
| PhotometricInterpretation    | `PHOTOMETRIC`                                                | PS3.3 C.7.6.3.1.2  |
| VOILUTFunction               | `VOI_FUNCTIONS`                                              | PS3.3 C.11.2.1.3   |
| RescaleType                  | `RESCALE_TYPES`                                              | PS3.3 C.11.1.1.2   |
| Units (PET)                  | `PET_UNITS`                                                  | PS3.3 C.8.9.1.1.3  |
| PresentationIntentType       | `PRESENTATION_INTENTS`                                       | PS3.3 C.8.11.1     |
| BurnedInAnnotation and so on | `YES_OR_NO`                                                  | PS3.3 C.7.6.1      |
| Manufacturer                 | the maker's usual name (`manufacturer_of`)                   | this list          |
| ManufacturerModelName        | only words that makers use for their scanners (`model_of`)   | this list          |
| any other text               | nothing                                                      |                    |

Numbers are not words, yet a number of many digits may be an identity: `short_number` gives three digits of it. What a
library says of a fault may quote the header: `kind_of_fault` gives the kind of the fault alone.
"""

from __future__ import annotations

import math
import re
import warnings

ANOTHER_VALUE = "another value"
"""Stands for a word that is none of the defined terms."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODALITIES = _words(
    "ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT "
    "IVUS KER KO LEN LP LS M3D MG MR MRS NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP "
    "RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG "
    "US VA XA XAPROTOCOL XC AS CD CF CP CS DD DF DM DS EC FA FS LS MA MS OPR ST VF"
)
"""Current terms, then the retired ones."""

PHOTOMETRIC = frozenset(
    ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "YBR_FULL", "YBR_FULL_422",
     "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB")
)  # fmt: skip
VOI_FUNCTIONS = frozenset(("LINEAR", "LINEAR_EXACT", "SIGMOID"))
RESCALE_TYPES = frozenset(("OD", "HU", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"))
PET_UNITS = _words(
    "CNTS NONE CM2 CM2ML PCNT CPS BQML MGMINML UMOLMINML MLMING MLG 1CM UMOLML PROPCNTS PROPCPS MLMINML MLML GML STDDEV"
)
PRESENTATION_INTENTS = frozenset(("FOR PRESENTATION", "FOR PROCESSING"))
YES_OR_NO = frozenset(("YES", "NO"))

MAKERS = {
    "siemens": "Siemens", "ge": "GE", "g.e.": "GE", "general electric": "GE", "philips": "Philips", "adac": "Philips",
    "picker": "Picker", "marconi": "Marconi", "elscint": "Elscint", "toshiba": "Toshiba", "canon": "Canon",
    "hitachi": "Hitachi", "uih": "United Imaging", "united imaging": "United Imaging", "neusoft": "Neusoft",
    "minfound": "MinFound", "anke": "Anke", "samsung": "Samsung", "neurologica": "NeuroLogica", "medison": "Medison",
    "fuji": "Fujifilm", "hologic": "Hologic", "lorad": "Lorad", "agfa": "Agfa", "carestream": "Carestream",
    "kodak": "Kodak", "eastman kodak": "Kodak", "konica": "Konica Minolta", "minolta": "Konica Minolta",
    "sectra": "Sectra", "planmed": "Planmed", "planmeca": "Planmeca", "ims": "IMS", "metaltronica": "Metaltronica",
    "swissray": "Swissray", "shimadzu": "Shimadzu", "esaote": "Esaote", "mindray": "Mindray", "sonosite": "SonoSite",
    "aloka": "Aloka", "acuson": "Acuson", "atl": "ATL", "bruker": "Bruker", "varian": "Varian", "elekta": "Elekta",
    "accuray": "Accuray", "viewray": "ViewRay", "hyperfine": "Hyperfine", "paramed": "Paramed", "sirona": "Sirona",
    "dentsply": "Sirona", "vatech": "Vatech", "morita": "Morita", "newtom": "NewTom", "instrumentarium":
    "Instrumentarium", "carl zeiss": "Zeiss", "zeiss": "Zeiss", "topcon": "Topcon", "heidelberg": "Heidelberg",
    "nidek": "Nidek", "olympus": "Olympus", "pentax": "Pentax", "mediso": "Mediso", "spectrum dynamics":
    "Spectrum Dynamics", "cps": "CPS", "cti": "CTI", "imatron": "Imatron", "oldelft": "Oldelft", "delft": "Delft",
    "canfield": "Canfield", "swemac": "Swemac", "dk medical": "DK Medical", "drtech": "DRTECH", "vieworks": "Vieworks",
}  # fmt: skip
"""How the text begins, in lower case, and the manufacturer's usual name."""

SCANNER_WORDS = _words(
    # Siemens
    "magnetom prisma fit skyra trio triotim tim verio vida lumina sola aera avanto espree essenza symphony symphonytim "
    "sonata vision harmony allegra amira altea free max terra x biograph mct mmr flow horizon truepoint hirez hi rez "
    "somatom definition flash edge as drive force sensation emotion scope perspective confidence go now up all top "
    "volume zoom naeotom alpha pro plus ecat exact hr symbia intevo evo mammomat inspiration revelation novation "
    "ysio multix fusion axiom artis zee aristos luminos polydoros acuson sequoia antares s2000 "
    # GE
    "signa hdxt hde hdx excite genesis lx architect premier pioneer artist voyager explorer creator optima mr360 "
    "mr450w mr450 discovery mr750 mr750w brivo mr355 revolution lightspeed vct qx i pro16 ultra xte ct750 hd "
    "ct660 ct540 ct520 ct580 rt brightspeed hispeed ct e dual zx nx speed st ste rx vct iq mi advance infinia hawkeye "
    "senographe essential ds 2000d pristina definium xr656 thunder platform logiq vivid voluson e8 e9 e10 "
    # Philips
    "achieva dstream ingenia ambition elition prodiva cx intera gyroscan nt panorama omega multiva quasar brilliance "
    "big bore ict mx8000 idt mx precedence gemini tf gxl ingenuity vereos iqon spectral incisive access "
    "digitaldiagnost digital diagnost essenta dr microdose epiq affiniti iu22 cx50 hdi "
    # Canon, Toshiba, Hitachi, United Imaging, others
    "aquilion one prime sp vision genesis lightning exceed lb cxl start cx rxl asteion vantage titan elan orian galan "
    "excelart atlas celesteion aplio xario supria scenaria eclos echelon oval aperto oasis trillium airis umr uct upmi "
    "omega 780 790 770 570 588 680 790 880 neuviz selenia dimensions 3dimensions affirm lorad fcr capsula xl fdr "
    "amulet innovality aws cr dx d-evo drx revolution evolution directview 850 950 975 regius aero dr adc "
    "5175 5146 compact plus solo swoop biospec pharmascan iron scientific "
    "system scanner series mri mr ct pet spect ge siemens philips toshiba canon hitachi pq lx ii iii iv vi xt xr xp "
    "quantum gradients power rotor t"
)
"""Words in the names of scanners, in lower case; a number of at most four digits may stand beside."""

MODEL_WORD = re.compile(r"[^0-9A-Za-z.\-]+")
MODEL_NUMBER = re.compile(r"[a-z]?\d{1,4}(\.\d)?t?[a-z]?")


def known_word(text: str, terms: frozenset[str]) -> str:
    """The defined term that a text is, in capitals; empty for an empty text, else `ANOTHER_VALUE`."""
    word = " ".join(text.upper().split())
    return word if not word or word in terms else ANOTHER_VALUE


def manufacturer_of(text: str) -> str:
    """The usual name of the maker that a text begins with; empty for an empty text, else `ANOTHER_VALUE`."""
    plain = " ".join(text.lower().split())
    for start in sorted(MAKERS, key=len, reverse=True):
        if plain == start or re.match(rf"{re.escape(start)}[^a-z]", plain):
            return MAKERS[start]
    for start in ("fuji", "toshiba", "philips", "siemens"):
        if plain.startswith(start):
            return MAKERS[start]
    return ANOTHER_VALUE if plain else ""


def model_of(text: str) -> str:
    """The name of a scanner when each of its words is one of `SCANNER_WORDS`.

    Empty for an empty text, else `ANOTHER_VALUE`.
    """
    words = [word for word in MODEL_WORD.split(text) if word]
    if not words:
        return ""
    known = all(word.lower() in SCANNER_WORDS or MODEL_NUMBER.fullmatch(word.lower()) for word in words)
    named = any(not MODEL_NUMBER.fullmatch(word.lower()) for word in words)
    return " ".join(words) if known and named else ANOTHER_VALUE


def short_number(value: float | None) -> str:
    """A number of a header in at most three digits: enough to see that it is odd, too few to be an identity."""
    if value is None:
        return "none"
    return f"{value:.3g}" if math.isfinite(value) else "not a number"


def kind_of_fault(error: BaseException) -> str:
    """The kind of an exception, never its words: libraries quote the header's values in them."""
    return type(error).__name__


def keep_pydicom_quiet() -> None:
    """Silence pydicom's warnings in this process: they quote values of the header."""
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
