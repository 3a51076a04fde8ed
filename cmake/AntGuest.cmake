# Programs and libraries that run in the guest.

set(ANT_LINK_SCRIPT ${CMAKE_SOURCE_DIR}/libant/program.ld)
set(ANT_MUSL_INCLUDE /usr/include/x86_64-linux-musl)
set(ANT_MUSL_LIBRARY /usr/lib/x86_64-linux-musl/libc.a)

execute_process(
    COMMAND ${CMAKE_C_COMPILER} -print-file-name=include
    OUTPUT_VARIABLE ANT_GCC_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND ${CMAKE_C_COMPILER} -print-libgcc-file-name
    OUTPUT_VARIABLE ANT_LIBGCC OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

set(ANT_COMMON_FLAGS
    -O2 -g -Wall -Wextra -fno-pic -fno-pie -mno-red-zone -fno-stack-protector
    -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
    -malign-data=abi  # keeps .note.ant at 8-byte alignment, as an ELF note needs
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
set(ANT_CXX_FLAGS
    -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit)
# C sources see musl's headers and nothing else.
set(ANT_C_HEADERS -nostdinc -isystem${ANT_MUSL_INCLUDE} -isystem${ANT_GCC_INCLUDE})
set(ANT_LINK_FLAGS
    -nostdlib -static -no-pie -Wl,-T,${ANT_LINK_SCRIPT} -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
    -Wl,-z,separate-code -Wl,--gc-sections -Wl,--build-id=none -Wl,--no-warn-rwx-segments -fno-lto)

# Compile options of freestanding guest code: no FPU, no thread pointer, no host library.
function(ant_freestanding target)
    target_compile_options(${target} PRIVATE
        ${ANT_COMMON_FLAGS} -mgeneral-regs-only -ffreestanding
        "$<$<COMPILE_LANGUAGE:CXX>:${ANT_CXX_FLAGS}>"
        "$<$<COMPILE_LANGUAGE:C>:${ANT_C_HEADERS}>")
    target_include_directories(${target} PRIVATE
        ${CMAKE_SOURCE_DIR}/kernel/abi ${CMAKE_SOURCE_DIR}/libant/include)
endfunction()

# A CMake target name for a program: `rtl8139@2` is built by target `rtl8139-2`.
function(ant_target_name name result)
    string(REPLACE "@" "-" target "${name}")
    set(${result} "${target}" PARENT_SCOPE)
endfunction()

# ant_library(NAME SOURCES ... [INCLUDES ...] [DEFINITIONS ...] [LIBRARIES ...])
# A static library of freestanding guest code; INCLUDES and DEFINITIONS reach its users.
function(ant_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;INCLUDES;DEFINITIONS;LIBRARIES")
    add_library(${name} STATIC ${arg_SOURCES})
    ant_freestanding(${name})
    target_include_directories(${name} PUBLIC ${arg_INCLUDES})
    target_compile_definitions(${name} PUBLIC ${arg_DEFINITIONS})
    target_link_libraries(${name} PUBLIC ${arg_LIBRARIES})
endfunction()

# Puts the executable of `target`, stripped, into the boot archive under `name`.
function(ant_archive_program target name)
    set_property(GLOBAL APPEND PROPERTY ANT_ARCHIVE_PROGRAMS "${name}=${target}")
endfunction()

# Puts it into /bin of the disks instead (or as well): programs that the system can come up without.
function(ant_disk_program target name)
    set_property(GLOBAL APPEND PROPERTY ANT_DISK_PROGRAMS "${name}=${target}")
endfunction()

# In programs that are compiled as a whole: -O3's limits for functions that become part of their callers.
set(ANT_WHOLE_INLINING --param=max-inline-insns-auto=30 --param=inline-min-speedup=15)

# What programs may take as a whole: for them its functions are kept in a form that the compiler sees through when it links, beside
# the usual one.
function(ant_linked_as_whole library)
    target_compile_options(${library} PRIVATE -flto -ffat-lto-objects)
endfunction()

# ant_program(NAME SOURCES ... [LIBRARIES ...] [DEFINITIONS ...] [INCLUDES ...] [LINK_NAME name] [NO_ARCHIVE | ON_DISK] [WHOLE])
# A freestanding C++ program, linked with libant; in the boot archive (ON_DISK: in /bin of the disks) under NAME or LINK_NAME.
# WHOLE: compiled as a whole when it is linked, with its libraries; for programs whose short functions lie in many files.
function(ant_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "NO_ARCHIVE;ON_DISK;WHOLE" "LINK_NAME" "SOURCES;LIBRARIES;DEFINITIONS;INCLUDES")
    ant_target_name(${name} target)
    if(NOT arg_LINK_NAME)
        set(arg_LINK_NAME ${name})
    endif()
    add_executable(${target} ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME "${arg_LINK_NAME}" RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/programs
        LINK_DEPENDS ${ANT_LINK_SCRIPT})
    ant_freestanding(${target})
    target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
    target_include_directories(${target} PRIVATE ${arg_INCLUDES})
    target_link_options(${target} PRIVATE ${ANT_LINK_FLAGS})
    if(arg_WHOLE)
        target_compile_options(${target} PRIVATE -flto ${ANT_WHOLE_INLINING})
        target_link_options(${target} PRIVATE -O2 -flto -flto-partition=one)
    endif()
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} ant ${ANT_LIBGCC})
    if(arg_ON_DISK)
        ant_disk_program(${target} ${arg_LINK_NAME})
    elseif(NOT arg_NO_ARCHIVE)
        ant_archive_program(${target} ${arg_LINK_NAME})
    endif()
endfunction()

# ant_c_program(NAME SOURCES ... [DEFINITIONS ...] [INCLUDES ...] [LINK_NAME name] [ON_DISK])
# A program on musl's C library: system calls of the library are answered by libant's libc layer.
function(ant_c_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "ON_DISK" "LINK_NAME" "SOURCES;DEFINITIONS;INCLUDES")
    ant_target_name(${name} target)
    if(NOT arg_LINK_NAME)
        set(arg_LINK_NAME ${name})
    endif()
    set(ANT_PROGRAM_NAME ${arg_LINK_NAME})
    set(manifest ${CMAKE_CURRENT_BINARY_DIR}/${target}_manifest.cpp)
    configure_file(${CMAKE_SOURCE_DIR}/libant/c_manifest.cpp.in ${manifest} @ONLY)
    add_library(${target}_manifest OBJECT ${manifest})
    ant_freestanding(${target}_manifest)

    add_executable(${target} ${arg_SOURCES} $<TARGET_OBJECTS:ant_c_start> $<TARGET_OBJECTS:${target}_manifest>)
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME "${arg_LINK_NAME}" RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/programs
        LINK_DEPENDS ${ANT_LINK_SCRIPT})
    target_compile_options(${target} PRIVATE ${ANT_COMMON_FLAGS} ${ANT_C_HEADERS})
    target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
    target_include_directories(${target} PRIVATE ${arg_INCLUDES})
    target_link_options(${target} PRIVATE ${ANT_LINK_FLAGS})
    target_link_libraries(${target} PRIVATE
        -Wl,--start-group antc ant ${ANT_MUSL_LIBRARY} ${ANT_LIBGCC} -Wl,--end-group)
    if(arg_ON_DISK)
        ant_disk_program(${target} ${arg_LINK_NAME})
    else()
        ant_archive_program(${target} ${arg_LINK_NAME})
    endif()
endfunction()
