# weir_options: what every target of ours is compiled with.
add_library(weir_options INTERFACE)
target_include_directories(weir_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wformat=2 -Wimplicit-fallthrough
  -Wthread-safety
  -Wno-c99-extensions        # designated initialisers of C structs nested in ours
  -Wno-gnu-anonymous-struct -Wno-nested-anon-types
  -fstack-protector-strong -fcf-protection)
target_compile_definitions(weir_options INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(weir_options INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_definitions(weir_options INTERFACE WEIR_SANITIZED)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
else()
  target_compile_definitions(weir_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
