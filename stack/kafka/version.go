package kafka

import "encoding/xml"

// Version is the Apache Kafka version that pom.xml names, such as "4.1.2".
func Version() string {
	var project struct {
		Properties struct {
			Kafka string `xml:"kafka.version"`
		} `xml:"properties"`
	}
	if err := xml.Unmarshal(pom, &project); err != nil || project.Properties.Kafka == "" {
		return "unknown" // the pom is part of the program; a test reads it
	}
	return project.Properties.Kafka
}
