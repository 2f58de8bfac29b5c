"""Takes the files of ten_files.py away again."""

from pyinfra.operations import files

files.directory(name="No files", path="/root/postroad-benchmark", present=False)
