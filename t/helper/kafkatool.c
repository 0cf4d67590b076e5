/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests ask of a broker and tell it, without a JVM.
 *
 *	kafkatool -b BOOTSTRAP [-X name=value] COMMAND
 *
 *	topic create NAME PARTITIONS[xREPLICAS] [name=value ...]
 *	topic delete NAME
 *	topic grow NAME PARTITIONS
 *	topic trim NAME OFFSET	deletes the records before it, everywhere
 *	topic leader NAME	for each partition a line: PARTITION NODE
 *				and the nodes that have a replica
 *	acl allow|deny|describe|deny-read USER topic|group NAME
 *				describe: nothing else is allowed; deny-read:
 *				all else stays as it is
 *	acl clear USER		all of that user's are removed
 *	coordinator GROUP	the node that it is
 *	ping			exit status 0 once the broker answers
 *	offsets GROUP TOPIC	for each partition a line:
 *				PARTITION COMMITTED START END METADATA
 *				(-1: never committed; "-": no metadata)
 *	group GROUP		"state STATE", then for each member a line:
 *				member ID INSTANCE CLIENT PARTITIONS
 *	list			all there are: "topic NAME", "group NAME"
 *
 * The topic commands return once the change is visible in the metadata.
 * The mock cluster knows `ping` and `offsets` only.
 */
#include "shared/fby.h"

#include "t/helper/helper.h"

#define POLL_US 20000

struct tool {
	struct helper_kafka kafka;
	rd_kafka_t *rk;
};

static void
open_client(struct tool *t, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	helper_conf_set(conf, "group.id", group);
	t->rk = helper_client(&t->kafka, RD_KAFKA_CONSUMER, conf);
}

/* Number of partitions, 0 if there is no such topic, -1 on an error. */
static int
count_partitions(struct tool *t, const char *topic, int timeout_ms)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(t->rk, topic, NULL);
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;
	int n = -1;

	err = rd_kafka_metadata(t->rk, 0, rkt, &md, timeout_ms);
	if (!err) {
		err = md->topics[0].err;
		if (!err)
			n = md->topics[0].partition_cnt;
		else if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			n = 0;
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_topic_destroy(rkt);
	return n;
}

static void
await_partitions(struct tool *t, const char *topic, int want)
{
	int64_t deadline = helper_now_us(CLOCK_MONOTONIC) +
	    HELPER_TIMEOUT_MS * INT64_C(1000);
	int have;

	while ((have = count_partitions(t, topic, HELPER_TIMEOUT_MS)) != want) {
		if (helper_now_us(CLOCK_MONOTONIC) > deadline)
			helper_die("%s has %d partitions and not %d", topic,
			    have, want);
		usleep(POLL_US);
	}
}

/* Run one admin request, which is called by `submit`; the event is kept. */
static rd_kafka_event_t *
await_event(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, HELPER_TIMEOUT_MS);

	if (!event)
		helper_die("%s: no answer", what);
	if (rd_kafka_event_error(event))
		helper_die("%s: %s", what, rd_kafka_event_error_string(event));
	return event;
}

static void
check_topics(const rd_kafka_topic_result_t **results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_topic_result_error(results[i]))
			helper_die("%s: %s",
			    rd_kafka_topic_result_name(results[i]),
			    rd_kafka_topic_result_error_string(results[i]));
}

static void
topic_create(struct tool *t, const char *name, char *size, char **config)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	char *x = strchr(size, 'x');
	rd_kafka_NewTopic_t *topic;
	rd_kafka_event_t *event;
	int partitions, replicas;
	char err[512];
	size_t n;

	if (x)
		*x++ = '\0';
	partitions = (int)helper_number(size, 1, 10000);
	replicas = x ? (int)helper_number(x, 1, 100) : 1;
	topic = rd_kafka_NewTopic_new(name, partitions, replicas, err,
	    sizeof(err));
	if (!topic)
		helper_die("%s: %s", name, err);
	for (; *config; config++) {
		char *eq = strchr(*config, '=');

		if (!eq)
			helper_die("%s: name=value wanted", *config);
		*eq = '\0';
		rd_kafka_NewTopic_set_config(topic, *config, eq + 1);
	}
	rd_kafka_CreateTopics(t->rk, &topic, 1, NULL, queue);
	event = await_event(queue, "CreateTopics");
	check_topics(rd_kafka_CreateTopics_result_topics(
			 rd_kafka_event_CreateTopics_result(event), &n),
	    1);
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	await_partitions(t, name, partitions);
}

static void
topic_delete(struct tool *t, char *name)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_event_t *event;
	size_t n;

	rd_kafka_DeleteTopics(t->rk, &topic, 1, NULL, queue);
	event = await_event(queue, "DeleteTopics");
	check_topics(rd_kafka_DeleteTopics_result_topics(
			 rd_kafka_event_DeleteTopics_result(event), &n),
	    1);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	await_partitions(t, name, 0);
}

static void
topic_grow(struct tool *t, const char *name, int partitions)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	rd_kafka_NewPartitions_t *more;
	rd_kafka_event_t *event;
	char err[512];
	size_t n;

	more = rd_kafka_NewPartitions_new(name, (size_t)partitions, err,
	    sizeof(err));
	if (!more)
		helper_die("%s: %s", name, err);
	rd_kafka_CreatePartitions(t->rk, &more, 1, NULL, queue);
	event = await_event(queue, "CreatePartitions");
	check_topics(rd_kafka_CreatePartitions_result_topics(
			 rd_kafka_event_CreatePartitions_result(event), &n),
	    1);
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(more);
	rd_kafka_queue_destroy(queue);
	await_partitions(t, name, partitions);
}

static void
topic_trim(struct tool *t, const char *name, int64_t before)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	const rd_kafka_topic_partition_list_t *done;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_DeleteRecords_t *del;
	rd_kafka_event_t *event;
	int n = count_partitions(t, name, HELPER_TIMEOUT_MS);

	list = rd_kafka_topic_partition_list_new(FBY_MAX(n, 1));
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, name, i)
		    ->offset = before;
	del = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(t->rk, &del, 1, NULL, queue);
	event = await_event(queue, "DeleteRecords");
	done = rd_kafka_DeleteRecords_result_offsets(
	    rd_kafka_event_DeleteRecords_result(event));
	for (int i = 0; i < done->cnt; i++)
		if (done->elems[i].err)
			helper_die("%s/%d: %s", name, i,
			    rd_kafka_err2str(done->elems[i].err));
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(del);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
}

static void
topic_leader(struct tool *t, const char *name)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(t->rk, name, NULL);
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	err = rd_kafka_metadata(t->rk, 0, rkt, &md, HELPER_TIMEOUT_MS);
	if (err)
		helper_die("metadata: %s", rd_kafka_err2str(err));
	for (int i = 0; i < md->topics[0].partition_cnt; i++) {
		const struct rd_kafka_metadata_partition
		    *p = &md->topics[0].partitions[i];

		printf("%d %d", p->id, p->leader);
		for (int k = 0; k < p->replica_cnt; k++)
			printf(" %d", p->replicas[k]);
		putchar('\n');
	}
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
}

/* ---- access ------------------------------------------------------------- */

static void
acl_set(struct tool *t, char **argv)
{
	bool deny = strncmp(argv[1], "deny", 4) == 0;
	bool deny_read = strcmp(argv[1], "deny-read") == 0;
	bool describe = strcmp(argv[1], "describe") == 0;
	bool topic = strcmp(argv[3], "topic") == 0;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	const rd_kafka_acl_result_t **results;
	rd_kafka_AclBinding_t *acl;
	rd_kafka_event_t *event;
	char user[256], err[512];
	size_t n;

	snprintf(user, sizeof(user), "User:%s", argv[2]);
	acl = rd_kafka_AclBinding_new(topic ? RD_KAFKA_RESOURCE_TOPIC :
					      RD_KAFKA_RESOURCE_GROUP,
	    argv[4], RD_KAFKA_RESOURCE_PATTERN_LITERAL, user, "*",
	    deny_read    ? RD_KAFKA_ACL_OPERATION_READ :
		describe ? RD_KAFKA_ACL_OPERATION_DESCRIBE :
			   RD_KAFKA_ACL_OPERATION_ALL,
	    deny ? RD_KAFKA_ACL_PERMISSION_TYPE_DENY :
		   RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
	    err, sizeof(err));
	if (!acl)
		helper_die("acl: %s", err);
	rd_kafka_CreateAcls(t->rk, &acl, 1, NULL, queue);
	event = await_event(queue, "CreateAcls");
	results =
	    rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(
						event),
		&n);
	if (n != 1 || rd_kafka_acl_result_error(results[0]))
		helper_die("acl: %s",
		    rd_kafka_error_string(
			rd_kafka_acl_result_error(results[0])));
	rd_kafka_event_destroy(event);
	rd_kafka_AclBinding_destroy(acl);
	rd_kafka_queue_destroy(queue);
}

static void
acl_clear(struct tool *t, const char *who)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	rd_kafka_AclBindingFilter_t *filter;
	rd_kafka_event_t *event;
	char user[256], err[512];

	snprintf(user, sizeof(user), "User:%s", who);
	filter = rd_kafka_AclBindingFilter_new(RD_KAFKA_RESOURCE_ANY, NULL,
	    RD_KAFKA_RESOURCE_PATTERN_ANY, user, NULL,
	    RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, err,
	    sizeof(err));
	if (!filter)
		helper_die("acl: %s", err);
	rd_kafka_DeleteAcls(t->rk, &filter, 1, NULL, queue);
	event = await_event(queue, "DeleteAcls");
	rd_kafka_event_destroy(event);
	rd_kafka_AclBinding_destroy(filter);
	rd_kafka_queue_destroy(queue);
}

/* ---- groups ------------------------------------------------------------- */

static void
print_metadata(const rd_kafka_topic_partition_t *p)
{
	const unsigned char *text = p->metadata;

	if (!p->metadata_size)
		putchar('-');
	for (size_t i = 0; i < p->metadata_size; i++) {
		if (text[i] > ' ' && text[i] < 0x7f)
			putchar(text[i]);
		else
			printf("\\x%02x", text[i]);
	}
	putchar('\n');
}

static void
offsets(struct tool *t, const char *topic)
{
	int n = count_partitions(t, topic, HELPER_TIMEOUT_MS);
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t err;

	if (n < 1)
		helper_die("%s: no such topic", topic);
	list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topic, i);
	err = rd_kafka_committed(t->rk, list, HELPER_TIMEOUT_MS);
	if (err)
		helper_die("committed: %s", rd_kafka_err2str(err));
	for (int i = 0; i < n; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];
		int64_t start = -1, end = -1;

		err = rd_kafka_query_watermark_offsets(t->rk, topic, i, &start,
		    &end, HELPER_TIMEOUT_MS);
		if (err)
			helper_die("%s/%d: %s", topic, i,
			    rd_kafka_err2str(err));
		printf("%d %lld %lld %lld ", i,
		    (long long)(p->offset < 0 ? -1 : p->offset),
		    (long long)start, (long long)end);
		print_metadata(p);
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void
print_member(const rd_kafka_MemberDescription_t *m)
{
	const rd_kafka_MemberAssignment_t
	    *a = rd_kafka_MemberDescription_assignment(m);
	const char *instance = rd_kafka_MemberDescription_group_instance_id(m);
	const rd_kafka_topic_partition_list_t *list = a ?
	    rd_kafka_MemberAssignment_partitions(a) :
	    NULL;

	printf("member %s %s %s %d\n",
	    rd_kafka_MemberDescription_consumer_id(m),
	    instance && *instance ? instance : "-",
	    rd_kafka_MemberDescription_client_id(m), list ? list->cnt : 0);
}

/* One group's description; the event has to be destroyed. */
static const rd_kafka_ConsumerGroupDescription_t *
describe(struct tool *t, const char *name, rd_kafka_event_t **event)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	const rd_kafka_ConsumerGroupDescription_t **groups;
	const rd_kafka_error_t *error;
	size_t n;

	rd_kafka_DescribeConsumerGroups(t->rk, &name, 1, NULL, queue);
	*event = await_event(queue, "DescribeConsumerGroups");
	groups = rd_kafka_DescribeConsumerGroups_result_groups(
	    rd_kafka_event_DescribeConsumerGroups_result(*event), &n);
	if (n != 1)
		helper_die("%s: %zu groups", name, n);
	error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
	if (error)
		helper_die("%s: %s", name, rd_kafka_error_string(error));
	rd_kafka_queue_destroy(queue);
	return groups[0];
}

static void
group(struct tool *t, const char *name)
{
	const rd_kafka_ConsumerGroupDescription_t *desc;
	rd_kafka_event_t *event;
	size_t n;

	desc = describe(t, name, &event);
	printf("state %s\n",
	    rd_kafka_consumer_group_state_name(
		rd_kafka_ConsumerGroupDescription_state(desc)));
	n = rd_kafka_ConsumerGroupDescription_member_count(desc);
	for (size_t i = 0; i < n; i++)
		print_member(rd_kafka_ConsumerGroupDescription_member(desc, i));
	rd_kafka_event_destroy(event);
}

static void
coordinator(struct tool *t, const char *name)
{
	const rd_kafka_ConsumerGroupDescription_t *desc;
	const rd_kafka_Node_t *node;
	rd_kafka_event_t *event;

	desc = describe(t, name, &event);
	node = rd_kafka_ConsumerGroupDescription_coordinator(desc);
	printf("%d\n", node ? rd_kafka_Node_id(node) : -1);
	rd_kafka_event_destroy(event);
}

static void
list(struct tool *t)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(t->rk);
	const rd_kafka_ConsumerGroupListing_t **groups;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;
	rd_kafka_event_t *event;
	size_t n;

	err = rd_kafka_metadata(t->rk, 1, NULL, &md, HELPER_TIMEOUT_MS);
	if (err)
		helper_die("%s", rd_kafka_err2str(err));
	for (int i = 0; i < md->topic_cnt; i++)
		printf("topic %s\n", md->topics[i].topic);
	rd_kafka_metadata_destroy(md);
	rd_kafka_ListConsumerGroups(t->rk, NULL, queue);
	event = await_event(queue, "ListConsumerGroups");
	groups = rd_kafka_ListConsumerGroups_result_valid(
	    rd_kafka_event_ListConsumerGroups_result(event), &n);
	for (size_t i = 0; i < n; i++)
		printf("group %s\n",
		    rd_kafka_ConsumerGroupListing_group_id(groups[i]));
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
}

static void
ping(struct tool *t)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	err = rd_kafka_metadata(t->rk, 1, NULL, &md, 5000);
	if (err)
		helper_die("%s", rd_kafka_err2str(err));
	if (md->broker_cnt < 1)
		helper_die("no broker is registered");
	rd_kafka_metadata_destroy(md);
}

/* Is argv "word" or "word second", with at least that many after it? */
static bool
is(char **argv, int argc, const char *word, const char *second, int more)
{
	if (argc < 1 || strcmp(argv[0], word) != 0)
		return false;
	if (second && (argc < 2 || strcmp(argv[1], second) != 0))
		return false;
	return argc >= (second ? 2 : 1) + more;
}

int
main(int argc, char **argv)
{
	struct tool t = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "+b:X:")) != -1) {
		if (opt == 'b')
			t.kafka.bootstrap = optarg;
		else if (opt == 'X')
			helper_kafka_extra(&t.kafka, optarg);
		else
			helper_die("see the head of t/helper/kafkatool.c");
	}
	argc -= optind;
	argv += optind;
	open_client(&t, is(argv, argc, "offsets", NULL, 2) ? argv[1] : "tool");
	if (is(argv, argc, "topic", "create", 2))
		topic_create(&t, argv[2], argv[3], argv + 4);
	else if (is(argv, argc, "topic", "delete", 1))
		topic_delete(&t, argv[2]);
	else if (is(argv, argc, "topic", "grow", 2))
		topic_grow(&t, argv[2], (int)helper_number(argv[3], 1, 10000));
	else if (is(argv, argc, "topic", "trim", 2))
		topic_trim(&t, argv[2], helper_number(argv[3], 0, INT64_MAX));
	else if (is(argv, argc, "topic", "leader", 1))
		topic_leader(&t, argv[2]);
	else if (is(argv, argc, "acl", "allow", 3) ||
	    is(argv, argc, "acl", "deny", 3) ||
	    is(argv, argc, "acl", "describe", 3) ||
	    is(argv, argc, "acl", "deny-read", 3))
		acl_set(&t, argv);
	else if (is(argv, argc, "acl", "clear", 1))
		acl_clear(&t, argv[2]);
	else if (is(argv, argc, "coordinator", NULL, 1))
		coordinator(&t, argv[1]);
	else if (is(argv, argc, "offsets", NULL, 2))
		offsets(&t, argv[2]);
	else if (is(argv, argc, "group", NULL, 1))
		group(&t, argv[1]);
	else if (is(argv, argc, "list", NULL, 0))
		list(&t);
	else if (is(argv, argc, "ping", NULL, 0))
		ping(&t);
	else
		helper_die("see the head of t/helper/kafkatool.c");
	rd_kafka_destroy(t.rk);
	return 0;
}
