# A thin layer over CMake: `make demo`, `make check`. Everything else is in CMakeLists.txt.
LLVM_PREFIX ?= /usr/lib/llvm-22
BUILD ?= build
export CCACHE_SLOPPINESS = pch_defines,time_macros,include_file_mtime,include_file_ctime

.PHONY: setup build check demo clean
build: $(BUILD)/build.ninja
	cmake --build $(BUILD) --target allot allot-opt AllotPlugin

setup:
	tools/setup.sh

$(BUILD)/build.ninja: | setup
	cmake --preset release -B $(BUILD)

check: setup $(BUILD)/build.ninja
	cmake --build $(BUILD) --target check-allot

demo: setup build
	tools/demo/demo.sh $(BUILD)

clean:
	rm -rf $(BUILD)
