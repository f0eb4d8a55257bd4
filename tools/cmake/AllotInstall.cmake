# The installed CMake package: find_package(Allot) gives the targets AllotXxx and AllotAll.
include(CMakePackageConfigHelpers)
get_property(_libs GLOBAL PROPERTY ALLOT_LIBS)
add_library(AllotAll INTERFACE)
target_link_libraries(AllotAll INTERFACE ${_libs})
target_include_directories(AllotAll INTERFACE
  $<BUILD_INTERFACE:${ALLOT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${ALLOT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:include>)
install(TARGETS AllotAll EXPORT AllotTargets)
install(DIRECTORY "${ALLOT_SOURCE_DIR}/include/allot" "${ALLOT_BINARY_DIR}/include/allot" DESTINATION include
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc" PATTERN "*.td")
install(DIRECTORY "${ALLOT_SOURCE_DIR}/include/allot-c" DESTINATION include FILES_MATCHING PATTERN "*.h")
install(EXPORT AllotTargets DESTINATION lib/cmake/allot)
configure_package_config_file("${ALLOT_SOURCE_DIR}/tools/cmake/AllotConfig.cmake.in"
  "${ALLOT_BINARY_DIR}/AllotConfig.cmake" INSTALL_DESTINATION lib/cmake/allot)
write_basic_package_version_file("${ALLOT_BINARY_DIR}/AllotConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${ALLOT_BINARY_DIR}/AllotConfig.cmake" "${ALLOT_BINARY_DIR}/AllotConfigVersion.cmake"
  "${ALLOT_SOURCE_DIR}/tools/cmake/FindCbc.cmake"
  DESTINATION lib/cmake/allot)
