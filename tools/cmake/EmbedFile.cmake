# cmake -DINPUT=file -DOUTPUT=file.cpp -DNAME=a::b::kName -P EmbedFile.cmake
# Writes a file's bytes as the arrays kName and kNameSize of namespace a::b.
string(REGEX MATCH "^(.*)::([^:]+)$" _ "${NAME}")
set(space "${CMAKE_MATCH_1}")
set(name "${CMAKE_MATCH_2}")
file(READ "${INPUT}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){24})" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "// Made from an object file by EmbedFile.cmake.
#include <cstddef>
namespace ${space} {
extern const unsigned char ${name}[];
extern const size_t ${name}Size;
alignas(16) const unsigned char ${name}[] = {
${bytes}};
const size_t ${name}Size = sizeof ${name};
} // namespace ${space}
")
