# Two ways to parse a large header once and not in every source. Only with WEIR_AT_ONCE, where
# everything is built once, as by a person's first `make run`: both hide a missing include.
#
# weir_together(target): its sources are one to the compiler, so no two may give a name of their own
# to different things.
function(weir_together target)
  if(WEIR_AT_ONCE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  endif()
endfunction()

# weir_precompile(target header …): these headers are compiled beforehand. ccache does not see
# through them.
function(weir_precompile target)
  if(WEIR_AT_ONCE)
    list(TRANSFORM ARGN REPLACE ">$" "$<ANGLE-R>")
    target_precompile_headers(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${ARGN}>")
  endif()
endfunction()

# weir_room(name SOURCES a.cpp … [ROOMS base …] [LINK pkg::target …] [TESTS a_test.cpp …])
# One static library `weir_<name>` for each folder of src/, and one test program `<name>_test` from
# the tests that stand beside its sources. ROOMS may name only what src/README.md allows.
function(weir_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;ROOMS;LINK;TESTS;TEST_LINK" ${ARGN})
  add_library(weir_${name} STATIC ${arg_SOURCES})
  target_link_libraries(weir_${name} PUBLIC weir_options ${arg_LINK})
  foreach(room IN LISTS arg_ROOMS)
    target_link_libraries(weir_${name} PUBLIC weir_${room})
  endforeach()
  if(WEIR_TESTS AND arg_TESTS)
    weir_test(${name}_test SOURCES ${arg_TESTS} LINK weir_${name} ${arg_TEST_LINK})
  endif()
endfunction()

# weir_test(name SOURCES … LINK …): a GoogleTest program, known to ctest by its cases.
function(weir_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE weir_options ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300
    ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1;TSAN_OPTIONS=halt_on_error=1")
endfunction()
