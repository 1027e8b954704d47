#include "app/cli_blocks.h"

#include <fmt/format.h>

namespace weir::app {

std::string paste_blocks(std::string_view gateway, std::string_view key) {
    return fmt::format(R"(OpenAI SDKs and most tools that speak to OpenAI
    export OPENAI_BASE_URL={0}/v1
    export OPENAI_API_KEY={1}

Anthropic SDKs and Claude Code (no /v1 in this one)
    export ANTHROPIC_BASE_URL={0}
    export ANTHROPIC_AUTH_TOKEN={1}

Claude Code, for good: in ~/.claude/settings.json
    {{ "env": {{ "ANTHROPIC_BASE_URL": "{0}", "ANTHROPIC_AUTH_TOKEN": "{1}" }} }}

Codex: in ~/.codex/config.toml, with `export WEIR_KEY={1}`
    model_provider = "weir"
    [model_providers.weir]
    name = "Weir"
    base_url = "{0}/v1"
    env_key = "WEIR_KEY"
    wire_api = "responses"

See who you are
    curl {0}/weir/me -H "Authorization: Bearer {1}"
)",
                       gateway, key);
}

std::string admin_blocks(std::string_view key) {
    return fmt::format(R"(The command line and the admin API
    export WEIR_ADMIN_KEY={}
)",
                       key);
}

}  // namespace weir::app
