# weir_embed(target symbol file): makes the bytes of `file` reachable in C++ as
#   extern "C" const char weir_embed_<symbol>[]; extern "C" const std::size_t weir_embed_<symbol>_size;
function(weir_embed target symbol file)
  set(assembly ${CMAKE_CURRENT_BINARY_DIR}/embed_${symbol}.S)
  file(CONFIGURE OUTPUT ${assembly} CONTENT [[
    .section .rodata
    .global weir_embed_@symbol@
    .global weir_embed_@symbol@_size
    .balign 16
weir_embed_@symbol@:
    .incbin "@file@"
weir_embed_@symbol@_end:
    .byte 0
    .balign 8
weir_embed_@symbol@_size:
    .quad weir_embed_@symbol@_end - weir_embed_@symbol@
    .section .note.GNU-stack,"",@progbits
]] @ONLY)
  set_source_files_properties(${assembly} PROPERTIES LANGUAGE C OBJECT_DEPENDS ${file}
    COMPILE_OPTIONS "-x;assembler-with-cpp")
  target_sources(${target} PRIVATE ${assembly})
endfunction()
