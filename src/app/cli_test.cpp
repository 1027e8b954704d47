#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <sstream>

#include "app/admin_client.h"
#include "app/small_file.h"
#include "store/schema.h"
#include "store/store_fixture.h"

namespace weir::app {
namespace {

using ::testing::HasSubstr;

std::optional<std::string> no_environment(const std::string& /*name*/) { return std::nullopt; }
std::optional<std::string> full_environment(const std::string& name) {
    if (name == "WEIR_ADMIN_URL") return "http://10.0.0.9:4001/";
    if (name == "WEIR_ADMIN_KEY") return "weir_from_environment";
    if (name == "WEIR_DATA") return "/srv/weir";
    return std::nullopt;
}

struct Terminal {
    std::ostringstream out;
    std::ostringstream err;
    CliContext context{.out = out, .err = err, .environment = no_environment};

    int type(std::vector<const char*> words) {
        CLI::App app{"Weir", "weir"};
        app.require_subcommand(1);
        add_client_commands(app, context);
        words.insert(words.begin(), "weir");
        return run_command_line(app, context, static_cast<int>(words.size()), words.data());
    }
};

TEST(CommandLine, HelpIsDoneAndMisuseIsTwo) {
    EXPECT_EQ(Terminal{}.type({"--help"}), kExitDone);
    EXPECT_EQ(Terminal{}.type({"keys", "create", "--help"}), kExitDone);
    EXPECT_EQ(Terminal{}.type({}), kExitUsage);
    EXPECT_EQ(Terminal{}.type({"keys"}), kExitUsage);
    EXPECT_EQ(Terminal{}.type({"why"}), kExitUsage);
    EXPECT_EQ(Terminal{}.type({"ledger", "export", "--format", "xml"}), kExitUsage);
}

TEST(CommandLine, MistypedCommandNamesTheNearestAndTheHelpToRead) {
    Terminal top;
    EXPECT_EQ(top.type({"kyes", "list"}), kExitUsage);
    EXPECT_THAT(top.err.str(), HasSubstr("there is no command 'weir kyes' (did you mean 'keys'?)"));
    Terminal nested;
    EXPECT_EQ(nested.type({"keys", "revke", "x"}), kExitUsage);
    EXPECT_THAT(nested.err.str(), HasSubstr("(did you mean 'revoke'?)"));
    EXPECT_THAT(nested.err.str(), HasSubstr("`weir keys --help`"));
    Terminal option;
    EXPECT_EQ(option.type({"calls", "list", "--taem", "x"}), kExitUsage);
    EXPECT_THAT(option.err.str(), HasSubstr("--taem"));
    EXPECT_THAT(option.err.str(), HasSubstr("`weir calls list --help`"));
}

TEST(CommandLine, EveryCommandTeachesByExampleAndTakesJson) {
    for (const std::vector<const char*>& command :
         std::vector<std::vector<const char*>>{{"keys", "create"},
                                               {"keys", "list"},
                                               {"keys", "rotate"},
                                               {"keys", "expire"},
                                               {"keys", "revoke"},
                                               {"teams", "create"},
                                               {"teams", "update"},
                                               {"calls"},
                                               {"calls", "list"},
                                               {"calls", "show"},
                                               {"why"},
                                               {"prices", "list"},
                                               {"prices", "show"},
                                               {"prices", "import"},
                                               {"prices", "diff"},
                                               {"ledger", "verify"},
                                               {"ledger", "export"},
                                               {"ledger", "correct"},
                                               {"budgets"},
                                               {"budgets", "list"},
                                               {"budgets", "show"},
                                               {"budgets", "set"},
                                               {"budgets", "simulate"},
                                               {"apply"},
                                               {"audit"}}) {
        Terminal terminal;
        std::vector<const char*> words = command;
        words.push_back("--help");
        EXPECT_EQ(terminal.type(words), kExitDone);
        EXPECT_THAT(terminal.out.str(), HasSubstr("Example")) << command.back();
        EXPECT_THAT(terminal.out.str(), HasSubstr("--json")) << command.back();
        EXPECT_THAT(terminal.out.str(), HasSubstr("--data")) << command.back();
    }
}

// A list would otherwise swallow the name behind it.
TEST(CommandLine, OptionsThatRepeatTakeOneWordEach) {
    for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{
             {"keys", "create", "--models", "a,b", "bot", "--data", "/nonexistent"},
             {"teams", "create", "--set", "a=b", "--set", "c=d", "ops", "--data", "/nonexistent"},
             {"teams", "update", "--unset", "a", "ops", "--data", "/nonexistent"}}) {
        Terminal terminal;
        EXPECT_EQ(terminal.type(words), kExitFailed);
        EXPECT_THAT(terminal.err.str(), HasSubstr("No admin key")) << terminal.err.str();
    }
}

TEST(CommandLine, WeirThatDoesNotRunIsSaidSoWithWhatToDo) {
    store::ScratchDirectory data;
    ASSERT_TRUE(write_file(data.file(kOperatorKeyFile), "secret\n", 0600));
    Terminal terminal;
    // Port 1 of this machine: nobody listens there.
    EXPECT_EQ(terminal.type(
                  {"keys", "list", "--admin", "http://127.0.0.1:1", "--data", data.path().c_str()}),
              kExitFailed);
    EXPECT_THAT(terminal.err.str(),
                HasSubstr("Weir does not answer at http://127.0.0.1:1: start it with `weir serve`, "
                          "or name another with --admin."));
    EXPECT_EQ(terminal.out.str(), "");
}

TEST(CommandLine, MissingKeyAndWrongUrlAreToldApart) {
    Terminal no_key;
    EXPECT_EQ(no_key.type({"keys", "list", "--data", "/nonexistent"}), kExitFailed);
    EXPECT_THAT(no_key.err.str(), HasSubstr("set WEIR_ADMIN_KEY"));
    EXPECT_THAT(no_key.err.str(), HasSubstr("/nonexistent/operator.key"));
    Terminal url;
    EXPECT_EQ(url.type({"keys", "list", "--admin", "localhost"}), kExitFailed);
    EXPECT_THAT(url.err.str(), HasSubstr("'localhost' is not a URL"));
}

TEST(CommandLine, TimesThatMeanNothingAreRefusedBeforeAnythingIsAsked) {
    store::ScratchDirectory data;
    ASSERT_TRUE(write_file(data.file(kOperatorKeyFile), "secret", 0600));
    Terminal terminal;
    EXPECT_EQ(
        terminal.type({"calls", "list", "--since", "tomorrow-ish", "--data", data.path().c_str()}),
        kExitFailed);
    EXPECT_THAT(terminal.err.str(), HasSubstr("'tomorrow-ish' is not a time"));
}

TEST(FindAdmin, GivenGoesBeforeEnvironmentBeforeDataDirectoryBeforeDefault) {
    std::ostringstream none;
    CliContext context{.out = none, .err = none, .environment = no_environment};
    context.data_dir = "/nonexistent";
    EXPECT_EQ(find_admin_url(context), kDefaultAdminUrl);
    store::ScratchDirectory data;
    ASSERT_TRUE(write_file(data.file(kAdminUrlFile), "http://127.0.0.1:4711\n", 0644));
    ASSERT_TRUE(write_file(data.file(kOperatorKeyFile), "weir_from_file\n", 0600));
    context.data_dir = data.path();
    EXPECT_EQ(find_admin_url(context), "http://127.0.0.1:4711");
    EXPECT_EQ(find_admin_key(context)->text.reveal(), "weir_from_file");
    context.environment = full_environment;
    EXPECT_EQ(find_admin_url(context), "http://10.0.0.9:4001");
    EXPECT_EQ(find_admin_key(context)->text.reveal(), "weir_from_environment");
    context.admin_url = "http://127.0.0.1:1";
    EXPECT_EQ(find_admin_url(context), "http://127.0.0.1:1");
    context.data_dir.clear();
    EXPECT_EQ(find_data_dir(context), "/srv/weir");
}

TEST(LedgerCommands, DirectoryThatIsNoneIsSaidSo) {
    for (const char* command : {"verify", "export"}) {
        Terminal terminal;
        EXPECT_EQ(terminal.type({"ledger", command, "--data", "/nonexistent"}), kExitFailed);
        EXPECT_THAT(terminal.err.str(), HasSubstr("name Weir's data directory with --data"));
        EXPECT_EQ(terminal.out.str(), "") << command;
    }
}

}  // namespace
}  // namespace weir::app
