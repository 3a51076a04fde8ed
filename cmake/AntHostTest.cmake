# Tests on the host: Catch2, with address and undefined-behaviour sanitizers.

set(ANT_SANITIZE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)

add_library(catch_main STATIC EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/catch_main.cpp)
target_compile_options(catch_main PRIVATE -O0)
add_custom_target(host_tests)

# ant_host_test(NAME SOURCES ... [INCLUDES ...] [DEFINITIONS ...] [LIBRARIES ...] [LABELS ...])
function(ant_host_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;INCLUDES;DEFINITIONS;LIBRARIES;LABELS")
    set(target test_${name})
    add_executable(${target} EXCLUDE_FROM_ALL ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_options(${target} PRIVATE -O1 -g -fno-var-tracking -Wall -Wextra -D_GLIBCXX_ASSERTIONS ${ANT_SANITIZE})
    target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernel/abi
        ${CMAKE_SOURCE_DIR}/libant/include ${arg_INCLUDES})
    target_link_options(${target} PRIVATE ${ANT_SANITIZE})
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} catch_main)
    add_dependencies(host_tests ${target})
    if(NOT arg_LABELS)
        set(arg_LABELS host)
    endif()
    add_test(NAME host.${name} COMMAND ${target})
    set_tests_properties(host.${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()
