# Flags for our objects alone: nginx's own C files take none of them.
# -Wno-volatile, -Wno-deprecated-volatile: nginx's headers use volatile in ways
# that C++20 deprecates.

llm_cflags="-std=c++20 -fvisibility=hidden -fno-rtti"
case "$NGX_CC_NAME" in
    clang) llm_cflags="$llm_cflags -Wno-deprecated-volatile" ;;
    *)     llm_cflags="$llm_cflags -Wno-volatile -fno-gnu-unique" ;;
esac

for llm_src in $(find "$ngx_addon_dir/src" -name "*.cc"); do
    llm_dir=$(basename "$(dirname "$llm_src")")
    llm_obj=$NGX_OBJS/addon/$llm_dir/$(basename "$llm_src" .cc).o
    echo "$llm_obj: CFLAGS += $llm_cflags" >> "$NGX_MAKEFILE"
done
