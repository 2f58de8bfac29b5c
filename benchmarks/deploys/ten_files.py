"""Ten files in stock style, for comparison: what pyinfra's own operation costs a file."""

from io import StringIO

from pyinfra.operations import files

for number in range(10):
    files.put(
        name=f"File {number}",
        src=StringIO(f"file {number}\n"),
        dest=f"/root/postroad-benchmark/{number}",
        mode="644",
    )
