# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: records go through, however the topics look.
package Test::Forebay::Delivery;

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

my %ODD = (key => 'binary', headers => 1, tombstones => 10);

body one_partition => 'one partition', sub {
	my ($b) = @_;

	pass_through($b, topics => [$b->topic(1)], records => 20_000);
};

body eight_partitions => 'eight partitions, odd records', sub {
	my ($b) = @_;

	pass_through($b, topics => [$b->topic(8)], records => 40_000,
	    produce => \%ODD);
};

body many_partitions => '64 partitions', sub {
	my ($b) = @_;

	pass_through($b, topics => [$b->topic(64)], records => 64_000);
};

body two_topics => 'two topics', sub {
	my ($b) = @_;

	pass_through($b, topics => [$b->topic(3), $b->topic(5)],
	    records => 10_000);
};

body more_workers => 'more workers than partitions', sub {
	my ($b) = @_;

	pass_through($b, topics => [$b->topic(2)], records => 5_000,
	    workers => 4);
};

body empty_topic => 'an empty topic', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(4);
	is_soon { ($f->http('/readyz'))[0] =~ /^2/ } 'it is ready';
	is_soon { ($f->status->{lag} // -1) == 0 } 'lag 0';
	$f->drain;
	is(slurp($f->{out}), '', 'nothing is printed');
	# And the first records that ever come are read from the beginning.
	$f->start;
	$b->produce($topic, 100);
	$f->await_caught_up;
	$f->drain;
	$f->delivered_ok(produced => 100);
};

body topic_later => 'a topic that is created after the start', sub {
	my ($b) = @_;
	my $topic = $b->future_topic;
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'topic.metadata.refresh.interval.ms' => 1000 });

	$f->start;
	is_soon { grep { $_->{what} eq 'topic' } @{$f->status->{alarms}} }
	    'status says that it is missing';
	cmp_ok(($f->http('/readyz'))[0], '>=', 500, 'not ready');
	is(($f->http('/livez'))[0], 204, 'but alive');
	$b->create_topic($topic, 4);
	$b->produce($topic, 4000);
	$f->await_caught_up;
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready by itself';
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(produced => 4000);
};

body goes_on => 'a stop and a start repeat nothing', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$b->produce($topic, 5000);
	$f->start->await_caught_up;
	$f->stop;
	$b->produce($topic, 5000);
	$f->start->await_caught_up;
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(produced => 10_000);
};

body backlog => 'a backlog in front of the start', sub {
	my ($b) = @_;
	my $topic = $b->topic(8);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$b->produce($topic, 200_000);
	$f->start->await_caught_up;
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(produced => 200_000);
};

body million => 'a million small records', sub {
	my ($b) = @_;
	my $records = $ENV{FOREBAY_RECORDS} // 1_000_000;

	pass_through($b, topics => [$b->topic(8)], records => $records,
	    produce => { size => 64, key => 'none' }, timeout => 180);
};

# ---- logging in ----------------------------------------------------------

# Secrets as Kubernetes mounts them: directory/name/key.
sub secrets
{
	my (%values) = @_;
	my $dir = scratch();

	mkdir("$dir/kafka") or die "mkdir: $!";
	spew("$dir/kafka/$_", $values{$_}) for keys %values;
	return $dir;
}

sub secret { return { name => 'kafka', key => $_[0] } }

# Source and sink log in in the same way.
sub logged_in
{
	my ($b, $bootstrap, $secrets, %block) = @_;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    bootstrap => $bootstrap,
	    host => { secretsDirectory => "$secrets" },
	    sink => { kafka => { brokers => [$bootstrap], topic => $copy,
		setKey => JSON::PP::true(),
		%block } });

	$f->edit(sub { my $k = $_[0]{source}{kafka}; %$k = (%$k, %block) });
	$b->produce($topic, 2000);
	$f->start->await_caught_up;
	my ($status, $text) = run([$f->command, 'dump', '-c', $f->{file}]);

	$f->drain;
	$f->delivered_ok(from => $copy, topic => $topic, produced => 2000);
	return $text . $f->log_text;
}

body sasl => 'SASL: PLAIN and SCRAM, with secrets', sub {
	my ($b) = @_;

	return skip_for('the broker is another one', machine => 1)
	    if $ENV{TEST_FOREBAY_BOOTSTRAP};
	for my $mechanism (sort keys %Test::Forebay::Kafka::USERS) {
		my ($user, $password) =
		    @{$Test::Forebay::Kafka::USERS{$mechanism}};
		(my $block = lc $mechanism) =~ tr/-//d;
		my $secrets = secrets(user => $user, password => $password);
		my $said = logged_in($b, $b->sasl_bootstrap, $secrets,
		    sasl => { mechanism => $mechanism, $block => {
			userSecret => secret('user'),
			passwordSecret => secret('password'),
			handshake => JSON::PP::true() } });

		unlike($said, qr/\Q$password\E/,
		    "$mechanism: the password is nowhere");
	}
}, only => 'kafka';

body sasl_wrong => 'SASL: a wrong password is said, and can be cured', sub {
	my ($b) = @_;

	return skip_for('the broker is another one', machine => 1)
	    if $ENV{TEST_FOREBAY_BOOTSTRAP};
	my ($user, $password) =
	    @{$Test::Forebay::Kafka::USERS{'SCRAM-SHA-512'}};
	my $secrets = secrets(user => $user, password => 'nonsense');
	my $topic = $b->topic(1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    bootstrap => $b->sasl_bootstrap,
	    host => { secretsDirectory => "$secrets" });

	$f->edit(sub { $_[0]{source}{kafka}{sasl} = {
	    mechanism => 'SCRAM-SHA-512', scramsha512 => {
		userSecret => secret('user'),
		passwordSecret => secret('password'),
		handshake => JSON::PP::true() } } });
	$f->start;
	is_soon { @{$f->status->{alarms}} } 'status says that it cannot';
	cmp_ok(($f->http('/readyz'))[0], '>=', 500, 'not ready');
	$f->{no_ledger} = 'nothing is held';
	$f->stop;
	delete $f->{no_ledger};
	spew("$secrets/kafka/password", $password);
	$b->produce($topic, 100);
	$f->start->await_caught_up;
	$f->drain;
	$f->delivered_ok(produced => 100);
}, only => 'kafka';

body tls => 'TLS: authority, certificate and key from secrets', sub {
	my ($b) = @_;

	return skip_for('the broker is another one', machine => 1)
	    if $ENV{TEST_FOREBAY_BOOTSTRAP};
	my ($cert, $key) = Test::Forebay::Kafka::tls_files();
	my $secrets = secrets(ca => slurp($cert), cert => slurp($cert),
	    key => slurp($key));

	logged_in($b, $b->tls_bootstrap, $secrets, tls => {
		caCertSecret => secret('ca'),
		certSecret => secret('cert'),
		keySecret => secret('key') });
}, only => 'kafka';

# ---- Kafka to Kafka ------------------------------------------------------

sub through_kafka
{
	my ($b, $partitions, $records, %opt) = @_;
	my $topic = $b->topic($partitions);
	my $copy = $b->topic($partitions, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => $opt{config}, sink => { kafka => {
		brokers => [$b->bootstrap],
		topic => $copy,
		setKey => JSON::PP::true(),
		config => $opt{sink_config} // '',
	    } });

	$b->produce($topic, $records, %{$opt{produce} // {}});
	$f->start->await_caught_up(120);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	# Timestamp, key and headers are in the checksum of each record.
	$f->delivered_ok(from => $copy, produced => $records);
	return;
}

body to_kafka => 'Kafka to Kafka changes no byte', sub {
	my ($b) = @_;

	through_kafka($b, 4, 20_000, produce => { %ODD,
	    event_time => 1_700_000_000_000, step => 7 });
};

body to_kafka_null_key => 'Kafka to Kafka: no key stays no key', sub {
	my ($b) = @_;

	through_kafka($b, 2, 5_000, produce => { key => 'none' });
};

body huge_records => 'records of 10 MB', sub {
	my ($b) = @_;

	# The mock keeps 5 MB of a partition, but always the last batch.
	through_kafka($b, $b->is_mock ? (1, 1) : (3, 6),
	    produce => { size => 10_000_000, headers => 1,
		key => 'binary' },
	    sink_config => "message.max.bytes: 20000000\n");
};

1;
