# guest_kit.json: how to compile and link a guest program, for `tools/ant cc`.

function(ant_json_list result)
    set(quoted "")
    foreach(item IN LISTS ARGN)
        string(REPLACE "\"" "\\\"" item "${item}")
        list(APPEND quoted "\"${item}\"")
    endforeach()
    list(JOIN quoted ", " text)
    set(${result} "[${text}]" PARENT_SCOPE)
endfunction()

function(ant_guest_kit)
    set(includes -I${CMAKE_SOURCE_DIR}/kernel/abi -I${CMAKE_SOURCE_DIR}/libant/include)
    set(freestanding ${ANT_COMMON_FLAGS} -mgeneral-regs-only -ffreestanding)
    ant_json_list(c_flags -std=gnu11 ${ANT_COMMON_FLAGS} ${ANT_C_HEADERS})
    ant_json_list(freestanding_c_flags -std=gnu11 ${freestanding} ${ANT_C_HEADERS} ${includes})
    ant_json_list(freestanding_flags -std=gnu++23 ${freestanding} ${ANT_CXX_FLAGS} ${includes})
    ant_json_list(link_flags ${ANT_LINK_FLAGS})
    ant_json_list(libraries
        -Wl,--start-group "$<TARGET_FILE:ant>" "$<TARGET_FILE:ant_c_std>" ${ANT_LIBGCC} -Wl,--end-group)
    # ant_c_std comes last, so that musl's own functions win.
    ant_json_list(c_libraries
        -Wl,--start-group "$<TARGET_FILE:antc>" "$<TARGET_FILE:ant>" ${ANT_MUSL_LIBRARY} ${ANT_LIBGCC} -Wl,--end-group
        "$<TARGET_FILE:ant_c_std>" "$<TARGET_FILE:ant>")
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/guest_kit.json CONTENT "{
  \"cc\": \"${CMAKE_C_COMPILER}\",
  \"cxx\": \"${CMAKE_CXX_COMPILER}\",
  \"c_flags\": ${c_flags},
  \"freestanding_c_flags\": ${freestanding_c_flags},
  \"freestanding_flags\": ${freestanding_flags},
  \"link_flags\": ${link_flags},
  \"libraries\": ${libraries},
  \"c_libraries\": ${c_libraries},
  \"c_start\": [\"$<JOIN:$<TARGET_OBJECTS:ant_c_start>,\", \">\"],
  \"manifest_template\": \"${CMAKE_SOURCE_DIR}/libant/c_manifest.cpp.in\"
}
")
endfunction()
