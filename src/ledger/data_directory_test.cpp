#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/sample_journal.h"

namespace weir::ledger {
namespace {

std::string content(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(DataDirectory, EveryStartGetsAHigherEpoch) {
    ScratchDirectory dir;
    std::string path = dir.path() + "/data";
    for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
        auto data = DataDirectory::open(path);
        ASSERT_TRUE(data) << data.error().detail();
        EXPECT_EQ((*data)->epoch(), epoch);
        EXPECT_FALSE((*data)->machine_restarted());
        EXPECT_TRUE(std::filesystem::is_directory((*data)->journal_path()));
        EXPECT_TRUE(content(path + "/epoch").starts_with(std::to_string(epoch) + " "));
    }
}

TEST(DataDirectory, ASecondProcessIsRefusedAndToldByWhom) {
    ScratchDirectory dir;
    auto data = DataDirectory::open(dir.path());
    ASSERT_TRUE(data);
    std::string pid = std::to_string(::getpid());
    pid_t child = ::fork();
    if (child == 0) {
        auto second = DataDirectory::open(dir.path());
        bool refused = !second && second.error().code() == ErrorCode::locked &&
                       second.error().message().find("process " + pid) != std::string_view::npos;
        ::_exit(refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(content(dir.path() + "/lock"), pid + "\n") << "the refused one leaves no trace";
    std::uint32_t epoch = (*data)->epoch();
    data->reset();
    EXPECT_EQ((*DataDirectory::open(dir.path()))->epoch(), epoch + 1);
}

TEST(DataDirectory, AMachineRestartIsTold) {
    ScratchDirectory dir;
    put(dir.path() + "/epoch", "4 00000000000000000000000000000001\n");
    auto data = DataDirectory::open(dir.path());
    ASSERT_TRUE(data);
    EXPECT_EQ((*data)->epoch(), 5u);
    EXPECT_TRUE((*data)->machine_restarted());
}

TEST(DataDirectory, AnEpochFileThatMeansNothingIsNotGuessedAt) {
    for (const char* text : {"", "x", "0 abc\n", "12", "99999999999 a\n"}) {
        ScratchDirectory dir;
        put(dir.path() + "/epoch", text);
        auto data = DataDirectory::open(dir.path());
        ASSERT_FALSE(data) << text;
        EXPECT_EQ(data.error().code(), ErrorCode::corrupt);
    }
}

TEST(DataDirectory, ALostEpochFileNeverGivesAnEpochOutTwice) {
    ScratchDirectory dir;
    std::filesystem::create_directory(dir.path() + "/journal");
    put(dir.path() + "/journal/17.0.1.wj", "");
    EXPECT_EQ((*DataDirectory::open(dir.path()))->epoch(), 18u);
}

TEST(DataDirectory, WhatCanNotBeWrittenIsSaidPlainly) {
    ScratchDirectory dir;
    put(dir.path() + "/file", "");
    auto not_a_directory = DataDirectory::open(dir.path() + "/file");
    ASSERT_FALSE(not_a_directory);
    EXPECT_EQ(not_a_directory.error().code(), ErrorCode::io);
    auto nowhere = DataDirectory::open(dir.path() + "/no/such/place");
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().detail().find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace weir::ledger
