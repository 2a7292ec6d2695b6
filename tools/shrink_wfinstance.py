"""Make a small copy of a WfCommons instance: the structure and the measured runtimes, nothing else.

python tools/shrink_wfinstance.py srasearch-chameleon-10a-001.json notebooks/data/srasearch-10a.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def shrink(document: dict, source: str) -> dict:
    """Give the instance with what `daga_nb.interop.wfformat` needs."""
    workflow = document["workflow"]
    return {
        "name": Path(source).stem,
        "description": (
            f"Structure and measured runtimes of {source}, from https://github.com/wfcommons/WfInstances "
            "(LGPL-3.0); files, commands and machines are left out."
        ),
        "createdAt": document["createdAt"],
        "schemaVersion": document["schemaVersion"],
        "workflow": {
            "specification": {
                "tasks": [
                    {key: task[key] for key in ("id", "name", "parents", "children")}
                    for task in workflow["specification"]["tasks"]
                ]
            },
            "execution": {
                "makespanInSeconds": workflow["execution"]["makespanInSeconds"],
                "tasks": [
                    {key: task[key] for key in ("id", "runtimeInSeconds")}
                    for task in workflow["execution"]["tasks"]
                ],
            },
        },
    }


def main(source: str, target: str) -> None:
    small = shrink(json.loads(Path(source).read_text(encoding="utf-8")), Path(source).name)
    Path(target).write_text(json.dumps(small, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
