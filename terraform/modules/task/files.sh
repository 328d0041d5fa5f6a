# What the container `files` runs: FOLDER VARIABLE=file … Each variable holds a file in Base64, which is written there for
# the program's user alone. What is missing, is no Base64 or is empty ends it, and the program is not started.
set -eu
umask 077
folder=$1
shift
for pair; do
  printenv "${pair%%=*}" > "$folder/.base64"
  base64 --decode "$folder/.base64" > "$folder/${pair#*=}"
  rm "$folder/.base64"
  test -s "$folder/${pair#*=}"
done
