package kafka

import (
	"errors"
	"fmt"
	"strings"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/settings/plainfile"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
)

// Security is how clients connect to Kafka. The tags turn it into flags. The zero value is plain text without a login.
type Security struct {
	// Connect to Kafka with TLS.
	TLS bool `name:"tls"`
	// Authorities (PEM) of the brokers' certificates. Default: the system's.
	CAFile string `name:"tls-ca-file" placeholder:"FILE"`
	// Certificate (PEM) to show to brokers that ask for one.
	CertFile string `name:"tls-cert-file" placeholder:"FILE"`
	// Private key (PEM) of that certificate.
	KeyFile string `name:"tls-key-file" placeholder:"FILE"`
	// How to log in to Kafka (SASL).
	Mechanism string `name:"sasl-mechanism" default:"none" enum:"none,plain,scram-sha-256,scram-sha-512"`
	// Name to log in with.
	Username string `name:"sasl-username"`
	// File with the password; the variable KAFKA_SASL_PASSWORD of the service, such as ORDER_KAFKA_SASL_PASSWORD, holds
	// it otherwise.
	//
	// It may be changed while the service runs. It is read when a client is made, and again when a broker refuses the
	// login.
	PasswordFile string `name:"sasl-password-file" placeholder:"FILE"`
	// Password for Kafka.
	//
	// It comes from the environment only, because other users of the machine can see flags.
	Password secret.Text `kong:"-" name:"sasl-password"`
}

const noSASL = "none"

func (s *Security) sasl() bool { return s.Mechanism != "" && s.Mechanism != noSASL }

// maxPassword limits the password file, in bytes.
const maxPassword = 64 << 10

// Validate says what is missing or cannot be read. prefix is that of the settings' names.
func (s *Security) Validate(prefix string) error {
	var errs []error
	if !s.TLS && (s.CAFile != "" || s.CertFile != "" || s.KeyFile != "") {
		errs = append(errs, fmt.Errorf("%stls: its files are set, and TLS itself is not", prefix))
	}
	if s.CAFile != "" {
		if _, err := tlsfiles.Authorities(s.CAFile); err != nil {
			errs = append(errs, fmt.Errorf("%stls-ca-file: %w", prefix, err))
		}
	}
	if s.CertFile != "" || s.KeyFile != "" {
		if _, err := tlsfiles.KeyPair(s.CertFile, s.KeyFile, prefix+"tls-"); err != nil {
			errs = append(errs, err)
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

func (s *Security) password() (secret.Text, error) {
	if s.PasswordFile == "" {
		if s.Password.IsZero() {
			return secret.Text{}, errors.New("neither the file nor the environment has a password")
		}
		return s.Password, nil
	}
	text, err := plainfile.Read(s.PasswordFile, maxPassword)
	if err != nil {
		return secret.Text{}, fmt.Errorf("%w: name a file with the password that this user can read", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return secret.Text{}, fmt.Errorf("%s is empty: write the password into it, or name another file",
			s.PasswordFile)
	}
	return secret.New(password), nil
}

// settings returns the settings of librdkafka.
func (s *Security) settings() (confluent.ConfigMap, error) {
	config := confluent.ConfigMap{}
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
		config["sasl.username"], config["sasl.password"] = s.Username, password.Reveal()
	}
	config["security.protocol"] = protocol
	return config, nil
}
