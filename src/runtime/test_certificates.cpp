#include "runtime/test_certificates.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace weir::runtime {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

constexpr long kDay = 24 * 60 * 60;

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    WEIR_CHECK(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

Certificate make_certificate(EVP_PKEY* key, const char* common_name, int serial, int days) {
    Certificate certificate{X509_new(), &X509_free};
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -30 * kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    return certificate;
}

void write(const TestCertificates::Files& files, X509* certificate, EVP_PKEY* key) {
    File out{std::fopen(files.certificate.c_str(), "w"), &std::fclose};
    WEIR_CHECK(PEM_write_X509(out.get(), certificate) == 1);
    out.reset(std::fopen(files.key.c_str(), "w"));
    WEIR_CHECK(PEM_write_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

Certificate read_certificate(const std::string& path) {
    File in{std::fopen(path.c_str(), "r"), &std::fclose};
    return {PEM_read_X509(in.get(), nullptr, nullptr, nullptr), &X509_free};
}

Key read_key(const std::string& path) {
    File in{std::fopen(path.c_str(), "r"), &std::fclose};
    return {PEM_read_PrivateKey(in.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
}

}  // namespace

TestCertificates::TestCertificates() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
    WEIR_CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    ca_ = {directory_ + "/ca.pem", directory_ + "/ca.key"};
    Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
    Certificate ca = make_certificate(key.get(), "Weir test authority", 1, 30);
    X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
    add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign");
    X509_sign(ca.get(), key.get(), EVP_sha256());
    write(ca_, ca.get(), key.get());
}

TestCertificates::~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

TestCertificates::Files TestCertificates::issue(const std::string& names, int days) {
    std::string stem = directory_ + "/" + std::to_string(++issued_);
    Files files{stem + ".pem", stem + ".key"};
    Certificate ca = read_certificate(ca_.certificate);
    Key ca_key = read_key(ca_.key);
    Key key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
    Certificate leaf = make_certificate(key.get(), "Weir test", issued_ + 1, days);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca.get()));
    add_extension(leaf.get(), ca.get(), NID_subject_alt_name, names.c_str());
    X509_sign(leaf.get(), ca_key.get(), EVP_sha256());
    write(files, leaf.get(), key.get());
    return files;
}

}  // namespace weir::runtime
