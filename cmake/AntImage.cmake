# The boot archive and the bootable image.

set_property(GLOBAL PROPERTY ANT_ARCHIVE_MEMBERS "")
set_property(GLOBAL PROPERTY ANT_ARCHIVE_FILES "")

# Puts `file` into the boot archive under `name`.
function(ant_archive_file name file)
    set_property(GLOBAL APPEND PROPERTY ANT_ARCHIVE_MEMBERS "${name}=${file}")
    set_property(GLOBAL APPEND PROPERTY ANT_ARCHIVE_FILES "${file}")
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
    add_custom_target(image ALL DEPENDS ${iso})
endfunction()
