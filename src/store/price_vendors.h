// One table of what each catalogue calls a vendor. The book's names are genai-prices'.
#pragma once

#include <string>
#include <string_view>

namespace weir::store {

std::string vendor_of_litellm(std::string_view name);
std::string vendor_of_models_dev(std::string_view name);

}  // namespace weir::store
