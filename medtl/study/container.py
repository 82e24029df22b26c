"""Container recipes of the medtl that is installed here: a Dockerfile and an Apptainer definition.

In: an empty place for them, and whether GPUs are used. Out: both recipes, `requirements.txt` with the version of every
package, the wheel of medtl, and a `.dockerignore` that lets nothing else into an image. Scans, weights and results are
mounted when an image is run, never copied. Nothing is built and nothing is reached here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template

import medtl
from medtl.errors import ConfigurationError
from medtl.files import write_atomically
from medtl.study import own_wheel
from medtl.study.pins import installed_pins

DOCKERFILE, APPTAINER, REQUIREMENTS, IGNORED = "Dockerfile", "Apptainer.def", "requirements.txt", ".dockerignore"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where PyTorch publishes the wheels without CUDA, which have a tenth of the size."""

PYPI = "https://pypi.org/simple"
"""Its PyTorch wheel for Linux brings CUDA with it, so no image of NVIDIA's is needed below it."""

WHY = {
    False: ("PyTorch comes without CUDA, from an index of its own. medtl container --cuda writes recipes for GPUs.",),
    True: (
        "PyTorch's wheel on PyPI brings its CUDA with it; the host gives the driver alone. Where the driver is older",
        "than that CUDA, another index has the same version for an older one: its address, such as",
        "https://download.pytorch.org/whl/cu126, stands at https://pytorch.org/get-started/locally.",
    ),
}
DOCKER = Template("""\
# medtl $version. Build it where there is internet, in this folder:
#   docker build --tag medtl:$version .
# Run it without any, as yourself; scans are read only, and what is kept lies in folders of the host:
#   docker run --rm --network none$gpus --user "$$(id -u):$$(id -g)" --shm-size 8g \\
#     --volume /scans:/scans:ro --volume "$$PWD":/work --volume /weights:/medtl/weights:ro \\
#     --volume /cache:/medtl/cache --volume /private/of/yours:/medtl/home \\
#     medtl:$version run study.yaml --out runs/first
FROM $base

$why
ARG TORCH_INDEX=$index

ENV PYTHONUNBUFFERED=1 \\
    HOME=/tmp \\
    MPLCONFIGDIR=/tmp/matplotlib \\
    MEDTL_HOME=/medtl/home \\
    MEDTL_CACHE=/medtl/cache \\
    MEDTL_WEIGHTS=/medtl/weights$environment

COPY requirements.txt $wheel /opt/medtl/

RUN pip install --no-cache-dir --index-url "$$TORCH_INDEX" --extra-index-url $pypi torch==$torch
RUN pip install --no-cache-dir --requirement /opt/medtl/requirements.txt
RUN pip install --no-cache-dir --no-index --no-deps /opt/medtl/$wheel
RUN useradd --uid 1000 --no-create-home medtl \\
    && mkdir -p /work /medtl/home /medtl/cache /medtl/weights \\
    && chown -R medtl:medtl /work /medtl

USER medtl
WORKDIR /work
ENTRYPOINT ["medtl"]
CMD ["--help"]
""")
DEFINITION = Template("""\
Bootstrap: docker
From: $base

# medtl $version. Build it where there is internet, in this folder; the image is one file that can be carried:
#   apptainer build medtl.sif Apptainer.def
# Run it as yourself; folders that lie outside of your home and of the present folder are bound:
#   apptainer run$nv --bind /scans:/scans:ro --bind /cache medtl.sif run study.yaml --out runs/first
# medtl slurm study.yaml --container medtl.sif writes jobs that call it.

%files
    requirements.txt /opt/medtl/requirements.txt
    $wheel /opt/medtl/$wheel

%post
$why_indented
    pip install --no-cache-dir --index-url $index --extra-index-url $pypi torch==$torch
    pip install --no-cache-dir --requirement /opt/medtl/requirements.txt
    pip install --no-cache-dir --no-index --no-deps /opt/medtl/$wheel

%environment
    export MPLCONFIGDIR=/tmp/matplotlib-$$USER
    export MEDTL_HOME="$${MEDTL_HOME:-$$HOME/.local/share/medtl}"
    export MEDTL_CACHE="$${MEDTL_CACHE:-$$HOME/.cache/medtl}"
    export MEDTL_WEIGHTS="$${MEDTL_WEIGHTS:-$$HOME/.local/share/medtl/weights}"

%runscript
    exec medtl "$$@"

%test
    medtl --version

%labels
    version $version
""")
ON_GPUS = " \\\n    NVIDIA_VISIBLE_DEVICES=all \\\n    NVIDIA_DRIVER_CAPABILITIES=compute,utility"
"""What NVIDIA's container toolkit looks for in an image that is not NVIDIA's."""


def write_container(folder: Path, *, cuda: bool) -> tuple[Path, ...]:
    """Write the recipes and what they install into a folder; gives their paths.

    Raises:
        ConfigurationError: one of the files is there already, or a package that is required is not installed here.
    """
    texts = container_files(cuda=cuda)
    there = [name for name in (*texts, own_wheel.NAME) if (folder / name).exists()]
    if there or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(
            f"{folder.name or folder} already holds {', '.join(there)}; nothing was overwritten. Give another folder, "
            "or remove what is there."
            if there
            else f"{folder.name} is a file; give a new folder for the recipes."
        )
    for name, text in texts.items():
        write_atomically(folder / name, text)
    write_atomically(folder / own_wheel.NAME, own_wheel.own_wheel())
    return tuple(folder / name for name in (*texts, own_wheel.NAME))


def container_files(*, cuda: bool) -> dict[str, str]:
    """The text of each file by its name."""
    pins = installed_pins()
    why = "\n".join(f"# {line}" for line in WHY[cuda])
    values = {
        "version": medtl.__version__,
        "base": f"python:{sys.version_info.major}.{sys.version_info.minor}-slim-bookworm",
        "wheel": own_wheel.NAME,
        "torch": pins["torch"],
        "index": PYPI if cuda else CPU_INDEX,
        "pypi": PYPI,
        "why": why,
        "why_indented": "\n".join(f"    {line}" for line in why.splitlines()),
        "gpus": " --gpus all" if cuda else "",
        "nv": " --nv" if cuda else "",
        "environment": ON_GPUS if cuda else "",
    }
    return {
        DOCKERFILE: DOCKER.substitute(values),
        APPTAINER: DEFINITION.substitute(values),
        REQUIREMENTS: "".join(f"{name}=={version}\n" for name, version in pins.items()),
        IGNORED: f"*\n!{REQUIREMENTS}\n!{own_wheel.NAME}\n",
    }
