// For tests of TLS: an authority of our own and certificates from it, made anew in each run.
#pragma once

#include <string>

namespace weir::runtime {

// A directory of PEM files that is removed with this object.
class TestCertificates {
 public:
    TestCertificates();
    TestCertificates(const TestCertificates&) = delete;
    TestCertificates& operator=(const TestCertificates&) = delete;
    ~TestCertificates();

    struct Files {
        std::string certificate;
        std::string key;
    };
    const std::string& ca_file() const { return ca_.certificate; }
    // `names`: as subjectAltName takes them, "DNS:localhost,IP:127.0.0.1". `days`: from now until
    // it expires; negative: it has.
    Files issue(const std::string& names, int days = 1);

 private:
    std::string directory_;
    Files ca_;
    int issued_ = 0;
};

}  // namespace weir::runtime
