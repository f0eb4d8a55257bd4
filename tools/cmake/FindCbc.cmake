# Finds COIN-OR CBC, the branch-and-cut solver, and what it stands on: the target Cbc::Cbc.
include(FindPackageHandleStandardArgs)
find_path(Cbc_INCLUDE_DIR CbcModel.hpp PATH_SUFFIXES coin coin-or cbc/coin)
set(_cbc_variables Cbc_INCLUDE_DIR)
foreach(_part Cbc Cgl OsiClp Clp Osi CoinUtils)
  find_library(Cbc_${_part}_LIBRARY ${_part})
  list(APPEND _cbc_variables Cbc_${_part}_LIBRARY)
endforeach()
find_package_handle_standard_args(Cbc REQUIRED_VARS ${_cbc_variables})
mark_as_advanced(${_cbc_variables})
if(Cbc_FOUND AND NOT TARGET Cbc::Cbc)
  add_library(Cbc::Cbc INTERFACE IMPORTED)
  # In the order in which static archives need each other.
  set_target_properties(Cbc::Cbc PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${Cbc_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES
      "${Cbc_Cbc_LIBRARY};${Cbc_Cgl_LIBRARY};${Cbc_OsiClp_LIBRARY};${Cbc_Clp_LIBRARY};${Cbc_Osi_LIBRARY};${Cbc_CoinUtils_LIBRARY}")
endif()
