#!/usr/bin/env bash
# Installs what Allot is built with and tested with: Debian 12 packages, and a Python environment in build/venv (for the demo and tests with numpy).
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(cmake ninja-build ccache make git libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22 lld-22 libomp-22-dev clang-format-22 clang-tidy-22
  libeigen3-dev libopenblas-dev coinor-libcbc-dev libgtest-dev zlib1g-dev libzstd-dev libedit-dev libcurl4-openssl-dev libxml2-dev python3 python3-venv)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ ! -x build/venv/bin/python ]; then
  mkdir -p build
  python3 -m venv build/venv
fi
build/venv/bin/python -c 'import numpy, safetensors, tokenizers' 2>/dev/null || build/venv/bin/pip install -q numpy safetensors tokenizers
