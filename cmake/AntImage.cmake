# The boot archive and the bootable image.

# Global properties: ANT_ARCHIVE_PROGRAMS and ANT_DISK_PROGRAMS hold name=target, ANT_ARCHIVE_MEMBERS name=file,
# ANT_ARCHIVE_FILES the files.

# Puts `file` into the boot archive under `name`.
function(ant_archive_file name file)
    set_property(GLOBAL APPEND PROPERTY ANT_ARCHIVE_MEMBERS "${name}=${file}")
    set_property(GLOBAL APPEND PROPERTY ANT_ARCHIVE_FILES "${file}")
endfunction()

# Commands that strip the programs of a property into `folder`; they belong to the CMake folder of what depends on them.
function(ant_strip_programs property folder result)
    get_property(programs GLOBAL PROPERTY ${property})
    set(members "")
    foreach(program IN LISTS programs)
        string(REGEX MATCH "^([^=]*)=(.*)$" matched "${program}")
        set(name ${CMAKE_MATCH_1})
        set(target ${CMAKE_MATCH_2})
        set(stripped ${CMAKE_BINARY_DIR}/${folder}/${name})
        add_custom_command(
            OUTPUT ${stripped}
            COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/${folder}
            COMMAND ${CMAKE_OBJCOPY} --strip-all $<TARGET_FILE:${target}> ${stripped}
            DEPENDS ${target} VERBATIM)
        list(APPEND members "${name}=${stripped}")
    endforeach()
    set(${result} "${members}" PARENT_SCOPE)
endfunction()

# The functions of the core and of all programs by name, for panics and the places in fault records.
function(ant_symbol_table)
    get_property(programs GLOBAL PROPERTY ANT_ARCHIVE_PROGRAMS)
    get_property(on_disk GLOBAL PROPERTY ANT_DISK_PROGRAMS)
    list(APPEND programs ${on_disk})
    list(REMOVE_DUPLICATES programs)
    set(members "kernel=$<TARGET_FILE:kernel>")
    set(targets kernel)
    foreach(program IN LISTS programs)
        string(REGEX MATCH "^([^=]*)=(.*)$" matched "${program}")
        list(APPEND members "${CMAKE_MATCH_1}=$<TARGET_FILE:${CMAKE_MATCH_2}>")
        list(APPEND targets ${CMAKE_MATCH_2})
    endforeach()
    set(maker ${CMAKE_SOURCE_DIR}/tools/antlib/symbol_table.py)
    set(table ${CMAKE_BINARY_DIR}/archive/symbols)
    add_custom_command(
        OUTPUT ${table}
        COMMAND ${ANT_PYTHON} ${maker} ${table} ${members}
        DEPENDS ${targets} ${maker} VERBATIM)
    ant_archive_file(symbols ${table})
endfunction()

# Targets `archive` (boot/archive.tar) and `image` (ant.iso); called once, after all programs.
function(ant_image)
    if(NOT TARGET kernel)
        message(STATUS "No kernel yet: no image")
        return()
    endif()
    set(boot_conf ${CMAKE_SOURCE_DIR}/boot/boot.conf)
    if(EXISTS ${boot_conf})
        ant_archive_file(boot.conf ${boot_conf})
    endif()
    ant_strip_programs(ANT_ARCHIVE_PROGRAMS archive members)
    foreach(member IN LISTS members)
        string(REGEX MATCH "^([^=]*)=(.*)$" matched "${member}")
        ant_archive_file(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
    endforeach()
    ant_strip_programs(ANT_DISK_PROGRAMS disk/bin disk_members)
    list(TRANSFORM disk_members REPLACE "^[^=]*=" "")
    ant_symbol_table()
    get_property(members GLOBAL PROPERTY ANT_ARCHIVE_MEMBERS)
    get_property(files GLOBAL PROPERTY ANT_ARCHIVE_FILES)
    set(archive ${CMAKE_BINARY_DIR}/boot/archive.tar)
    set(stripped ${CMAKE_BINARY_DIR}/boot/kernel)
    set(iso ${CMAKE_BINARY_DIR}/ant.iso)
    set(tools ${CMAKE_SOURCE_DIR}/tools/antlib)

    add_custom_command(
        OUTPUT ${archive}
        COMMAND ${ANT_PYTHON} ${tools}/archive.py ${archive} ${members}
        DEPENDS ${files} ${tools}/archive.py VERBATIM)
    add_custom_target(archive DEPENDS ${archive})

    add_custom_command(
        OUTPUT ${stripped}
        COMMAND ${CMAKE_OBJCOPY} --strip-debug $<TARGET_FILE:kernel> ${stripped}
        DEPENDS kernel VERBATIM)
    add_custom_command(
        OUTPUT ${iso}
        COMMAND ${ANT_PYTHON} ${tools}/iso.py --kernel ${stripped} --archive ${archive}
            --grub-cfg ${CMAKE_SOURCE_DIR}/boot/grub.cfg --output ${iso}
        DEPENDS ${stripped} ${archive} ${CMAKE_SOURCE_DIR}/boot/grub.cfg ${tools}/iso.py VERBATIM)
    add_custom_target(image ALL DEPENDS ${iso} ${disk_members})
endfunction()
