package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// minJava is the oldest Java that runs a Kafka 4 broker.
const minJava = 17

// Available returns what this machine lacks to start a broker, as one error that also tells how to get it. It returns
// nil if nothing is missing. It does not use the network, so the first download of the jars can still fail later.
func Available() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, javaErr := findJava(ctx)
	_, mavenErr := findMaven()
	if _, ok := cachedJars(); ok {
		mavenErr = nil
	}
	if javaErr != nil && mavenErr != nil {
		return fmt.Errorf("%w; %w", javaErr, mavenErr)
	}
	return errors.Join(javaErr, mavenErr)
}

// findJava returns the path of a Java that is new enough. It takes the one in JAVA_HOME if that is set, otherwise the
// first on PATH.
func findJava(ctx context.Context) (string, error) {
	name := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		name = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no Java (%w): install Java %d or later, for example the package openjdk-17-jre-headless",
			err, minJava)
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput() //nolint:gosec // the machine's own Java
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %s", java, err, out)
	}
	version, err := javaVersion(string(out))
	if err != nil {
		return "", fmt.Errorf("%s: %w", java, err)
	}
	if version < minJava {
		return "", fmt.Errorf("%s is Java %d: install Java %d or later and put it first on PATH or into JAVA_HOME",
			java, version, minJava)
	}
	return java, nil
}

var javaVersionPattern = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// javaVersion reads the feature release from the output of java -version: 17 of "17.0.15", 8 of "1.8.0_402".
func javaVersion(text string) (int, error) {
	match := javaVersionPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("no version in %q", text)
	}
	return strconv.Atoi(match[1])
}

func findMaven() (string, error) {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("no Maven (%w): install it, for example the package maven", err)
	}
	return maven, nil
}
