package s3xml

import "encoding/xml"

// NotificationConfiguration is the body of the notification operations, both ways.
type NotificationConfiguration struct {
	XMLName        xml.Name             `xml:"http://s3.amazonaws.com/doc/2006-03-01/ NotificationConfiguration"`
	Topics         []TopicConfiguration `xml:"TopicConfiguration"`
	Queues         []QueueConfiguration `xml:"QueueConfiguration"`
	CloudFunctions []CloudConfiguration `xml:"CloudFunctionConfiguration"`
	EventBridge    *EventBridge         `xml:"EventBridgeConfiguration"`
}

// TopicConfiguration sends events to a topic.
type TopicConfiguration struct {
	ID    string `xml:"Id,omitempty"`
	Topic string `xml:"Topic"`
	NotificationRule
}

// QueueConfiguration sends events to a queue.
type QueueConfiguration struct {
	ID    string `xml:"Id,omitempty"`
	Queue string `xml:"Queue"`
	NotificationRule
}

// CloudConfiguration sends events to a function.
type CloudConfiguration struct {
	ID       string `xml:"Id,omitempty"`
	Function string `xml:"CloudFunction"`
	NotificationRule
}

// NotificationRule is what the three configurations share.
type NotificationRule struct {
	Events []string            `xml:"Event"`
	Filter *NotificationFilter `xml:"Filter"`
}

// NotificationFilter selects objects by their keys.
type NotificationFilter struct {
	Key NotificationKeyFilter `xml:"S3Key"`
}

// NotificationKeyFilter has a rule for the prefix, for the suffix, or both.
type NotificationKeyFilter struct {
	Rules []FilterRule `xml:"FilterRule"`
}

// FilterRule is one of them.
type FilterRule struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

// EventBridge asks for AWS's event bus.
type EventBridge struct{}
