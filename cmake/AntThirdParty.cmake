# Third-party sources: fetched by package name, checked against a pinned hash, kept under the build folder.

set(ANT_THIRD_PARTY ${CMAKE_BINARY_DIR}/third_party)

function(ant_fetch name result)
    execute_process(
        COMMAND ${ANT_PYTHON} ${CMAKE_SOURCE_DIR}/tools/antlib/third_party.py fetch ${name} --into ${ANT_THIRD_PARTY}
        RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "The source of ${name} could not be fetched; the lines above say why.")
    endif()
    set(${result} ${ANT_THIRD_PARTY}/${name} PARENT_SCOPE)
endfunction()

ant_fetch(lwip lwip_root)
ant_fetch(lua ANT_LUA_DIR)
ant_fetch(sqlite ANT_SQLITE_DIR)
set(ANT_LWIP_DIR ${lwip_root}/src)
ant_fetch(e2fsprogs e2fsprogs_root)
set(ANT_E2FSPROGS_DIR ${e2fsprogs_root})
