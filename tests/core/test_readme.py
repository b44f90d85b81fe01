import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tree_in_the_readme_is_the_tree():
    tree = subprocess.run([sys.executable, str(ROOT / "scripts" / "tree")], capture_output=True, text=True, check=True)
    assert tree.stdout in (ROOT / "README.md").read_text(), "run scripts/tree and put its output into README.md"
