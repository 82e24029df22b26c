"""An example of each verb, printed below its help. A test gives every one of them as it is printed."""

from __future__ import annotations

EXAMPLES: dict[str, str] = {
    "demo": "medtl demo --out runs/demo",
    "intake": "medtl intake scans --out cohort/manifest.csv --labels labels.csv",
    "init": "medtl init manifest.csv --positive nodule --out first.yaml",
    "check": "medtl check study.yaml --out audit",
    "run": "medtl run study.yaml --out runs/first",
    "fold": "medtl run study.yaml --out runs/second --prepare-only\n  medtl fold runs/second --fold 0",
    "slurm": "medtl slurm study.yaml --out runs/cluster --partition gpu --time 4:00:00",
    "status": "medtl status runs/first",
    "runs": "medtl runs runs --page\n  medtl runs runs/first runs/second",
    "sources": "medtl sources study.yaml --candidates resnet18-imagenet --out runs/sources",
    "learning-curve": "medtl learning-curve study.yaml --cases 2,4 --repeats 10 --out runs/curve",
    "unseal": "medtl unseal runs/first",
    "report": "medtl report runs/first",
    "evaluate": "medtl evaluate theirs.csv --out runs/judged",
    "compare": "medtl compare runs/first theirs.csv --out runs/compared",
    "maps": "medtl maps runs/first --out private/maps",
    "export": "medtl export runs/first --tensorboard logs",
    "verify": "medtl verify runs/first",
    "pretrain": "medtl pretrain study.yaml --as my-encoder",
    "container": "medtl container image",
    "cache": "medtl cache --keep 50GB",
    "doctor": "medtl doctor",
    "weights list": "medtl weights list",
    "weights fetch": "medtl weights fetch resnet18-imagenet",
    "weights import": "medtl weights import resnet18.safetensors --as resnet18-imagenet",
    "weights pack": "medtl weights pack weights.tar",
    "weights unpack": "medtl weights unpack weights.tar",
    "weights verify": "medtl weights verify",
    "weights describe": "medtl weights describe resnet18-imagenet study.yaml",
}
"""By verb; a second line where a command needs what another one makes."""


def example_of(verb: str) -> str | None:
    """The end of a verb's help; nothing where there is no example."""
    return f"\b\nExample:\n  {EXAMPLES[verb]}" if verb in EXAMPLES else None
