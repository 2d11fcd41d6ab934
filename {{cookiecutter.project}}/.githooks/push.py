"""Push data and results, and then each file that the DVC remote still lacks.

DVC takes a folder for pushed once the list of its files is there. So a push that was killed leaves files behind, and the
next one reports that everything is up to date.
"""

import json
import subprocess
import sys
from pathlib import Path

from dvc.repo import Repo

DVC = (sys.executable, "-m", "dvc")


def main() -> None:
    if subprocess.run((*DVC, "push", "--quiet"), check=False).returncode:
        sys.exit("pre-push: dvc push failed; the reason is printed above. To push commits only: git push --no-verify")
    command = (*DVC, "data", "status", "--not-in-remote", "--granular", "--json")
    status = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout or "{}")
    pushed, lost = [], []
    with Repo() as repo:
        remote = repo.cloud.get_remote_odb()
        for path in status.get("not_in_remote", []):
            md5 = repo.dvcfs.info(Path(path).as_posix())["dvc_info"]["md5"]
            cached, target = repo.cache.local.oid_to_path(md5), remote.oid_to_path(md5)
            if not Path(cached).exists():
                lost.append(path)
                continue
            remote.fs.makedirs(remote.fs.parent(target), exist_ok=True)
            remote.fs.put_file(cached, target)
            pushed.append(path)
    if pushed:
        print(f"pre-push: pushed what an earlier push had left behind: {', '.join(pushed)}", file=sys.stderr)
    if lost:
        print(f"pre-push: neither the cache nor the remote has {', '.join(lost)}; run: dvc repro", file=sys.stderr)


if __name__ == "__main__":
    main()
