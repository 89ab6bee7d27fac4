"""The extension's package.json agrees with the rest of the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_settings_are_the_servers() -> None:
    script = ROOT / "vscode-client" / "scripts" / "settings.py"
    checked = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_version_is_the_packages() -> None:
    package = json.loads((ROOT / "vscode-client" / "package.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert package["version"] == project["project"]["version"]


def test_licence_is_the_projects() -> None:
    assert (ROOT / "vscode-client" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_no_measure_is_shown_by_its_name() -> None:
    for path in sorted((ROOT / "vscode-client" / "src").glob("*.ts")):
        text = path.read_text("utf-8").replace('["pass@1"]', "")  # a key, not a word
        assert not re.search(r"pass@|\bnats\b|perplexity|\beval\.", text), path
