package broker

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Security is how clients connect to Kafka. The tags make it flags. The zero value is plain text and nobody's name.
type Security struct {
	// TLS encrypts; CAFile has the authorities of the brokers' certificates, by default the system's.
	TLS    bool   `help:"Connect to Kafka with TLS." name:"tls"`
	CAFile string `help:"Authorities (PEM) of the brokers' certificates; the system's without it." name:"tls-ca-file" placeholder:"FILE"`
	// CertFile and KeyFile are what the client shows to brokers that ask for a certificate.
	CertFile string `help:"Certificate (PEM) to show to the brokers." name:"tls-cert-file" placeholder:"FILE"`
	KeyFile  string `help:"Private key (PEM) of that certificate." name:"tls-key-file" placeholder:"FILE"`
	// Mechanism of SASL: none, plain, scram-sha-256 or scram-sha-512.
	Mechanism string `default:"none" enum:"none,plain,scram-sha-256,scram-sha-512" help:"How to log in to Kafka (SASL): ${enum}." name:"sasl-mechanism"`
	Username  string `help:"Name to log in with." name:"sasl-username"`
	// PasswordFile has the password; it is read at each connection, so that it can be changed. Without it the environment has it: see Password.
	PasswordFile string `help:"File with the password; the variable KAFKA_SASL_PASSWORD of the service, such as ORDER_KAFKA_SASL_PASSWORD, holds it otherwise." name:"sasl-password-file" placeholder:"FILE"`
	// Password is what the program took from the environment. It is no flag: others on the machine can see those.
	Password Secret `kong:"-"`
}

// Secret is a text that is not shown.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

const noSASL = "none"

func (s *Security) sasl() bool { return s.Mechanism != "" && s.Mechanism != noSASL }

// maxPassword bounds the password's file, in bytes.
const maxPassword = 64 << 10

// WithDefaults returns s with its zero fields filled in.
func (s Security) WithDefaults() Security {
	if s.Mechanism == "" {
		s.Mechanism = noSASL
	}
	return s
}

// Validate names what is missing or cannot be read; prefix is that of the settings' names.
func (s *Security) Validate(prefix string) error {
	var errs []error
	if !s.TLS && (s.CAFile != "" || s.CertFile != "" || s.KeyFile != "") {
		errs = append(errs, fmt.Errorf("%stls: its files are set, and TLS itself is not", prefix))
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		errs = append(errs, fmt.Errorf("%stls-cert-file, %[1]stls-key-file: one needs the other", prefix))
	}
	for name, path := range map[string]string{"tls-ca-file": s.CAFile, "tls-cert-file": s.CertFile, "tls-key-file": s.KeyFile} {
		if path == "" {
			continue
		}
		if _, err := os.ReadFile(path); err != nil { //nolint:gosec // G304: whoever starts the program names the file
			errs = append(errs, fmt.Errorf("%s%s: %w", prefix, name, err))
		}
	}
	switch {
	case !s.sasl() && (s.Username != "" || s.PasswordFile != ""):
		errs = append(errs, fmt.Errorf("%ssasl-mechanism: name or password are set, and the mechanism is not", prefix))
	case s.sasl() && s.Username == "":
		errs = append(errs, fmt.Errorf("%ssasl-username: the mechanism %s needs it", prefix, s.Mechanism))
	case s.sasl():
		if _, err := s.password(); err != nil {
			errs = append(errs, fmt.Errorf("%ssasl-password-file: %w", prefix, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Security) password() (string, error) {
	if s.PasswordFile == "" {
		if s.Password == "" {
			return "", errors.New("neither the file nor the environment has a password")
		}
		return string(s.Password), nil
	}
	text, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("%s is empty or too long", s.PasswordFile)
	}
	return password, nil
}

// settings are those of librdkafka.
func (s *Security) settings() (kafka.ConfigMap, error) {
	config := kafka.ConfigMap{}
	protocol := "plaintext"
	if s.TLS {
		protocol = "ssl"
		for name, path := range map[string]string{
			"ssl.ca.location": s.CAFile, "ssl.certificate.location": s.CertFile, "ssl.key.location": s.KeyFile,
		} {
			if path != "" {
				config[name] = path
			}
		}
	}
	if s.sasl() {
		password, err := s.password()
		if err != nil {
			return nil, fmt.Errorf("password for Kafka: %w", err)
		}
		protocol = map[bool]string{false: "sasl_plaintext", true: "sasl_ssl"}[s.TLS]
		config["sasl.mechanisms"] = strings.ToUpper(s.Mechanism)
		config["sasl.username"], config["sasl.password"] = s.Username, password
	}
	config["security.protocol"] = protocol
	return config, nil
}
