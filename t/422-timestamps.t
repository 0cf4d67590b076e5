#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A Kafka sink writes the timestamps that the records have: none (-1), those
# before 1970, and 0, which librdkafka would take for "now".
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub copier
{
	my ($topic, $copy, %host) = @_;
	my $runtime = delete $host{runtime} // 'c';

	return Test::Forebay->new(broker => $b, topic => $topic,
	    runtime => $runtime, sink => { kafka => { brokers => [$b->bootstrap], topic => $copy,
		setKey => JSON::PP::true() } }, host => \%host);
}

sub printed
{
	my ($topic, $format) = @_;

	return run_ok(['kcat', '-C', '-e', '-q', '-b', $b->bootstrap, '-t',
	    $topic, '-o', 'beginning', '-f', $format],
	    timeout => patience(60));
}

# Each record has its timestamp in its value, which verify compares.
sub copied_ok
{
	my ($produce, $name, %host) = @_;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $f = copier($topic, $copy, %host);

	$b->produce($topic, 1000, headers => 1, %$produce);
	$f->start->await_caught_up;
	$f->drain;
	$f->delivered_ok(from => $copy, topic => $topic,
	    produced => 1000, name => $name);
	return printed($copy, '%T ');
}

for my $delivery (qw(atLeastOnce exactlyOnce)) {
	scenario "$delivery: records without a time, and before 1970" => sub {
		my @host = (delivery => $delivery);
		my $times = copied_ok({ event_time => -1, step => 0 },
		    'no time', @host);

		is($times, '-1 ' x 1000, 'each has none');
		$times = copied_ok({ event_time => -86_400_000, step => 1000 },
		    'before 1970', @host);
		is(scalar(() = $times =~ /-\d{2,} /g), 1000,
		    'each is before 1970');
	};
}

scenario 'python: records without a time' => sub {
	my $why = Test::Forebay::no_python();

	return skip_for($why) if $why;
	my $times = copied_ok({ event_time => -1, step => 0 }, 'no time',
	    runtime => 'python');

	is($times, '-1 ' x 1000, 'each has none');
};

# Java's client can write it, librdkafka cannot.
for my $runtime ('c', 'python') {
	scenario "$runtime: a record of 1970 itself" => sub {
		my $why = $runtime eq 'c' ? undef : Test::Forebay::no_python();

		return skip_for($why) if $why;
		my $topic = $b->topic(1);
		my $copy = $b->topic(1, output => 1);
		my $f = copier($topic, $copy, runtime => $runtime);

		run_ok([$b->java('org.apache.kafka.tools.VerifiableProducer',
		    '--bootstrap-server', $b->bootstrap, '--topic', $topic,
		    '--max-messages', 1, '--message-create-time', 0)],
		    timeout => patience(60));
		is(printed($topic, '%T %h %s'), '0  0', 'the source has one');
		$f->start->await_caught_up;
		$f->drain;
		is(printed($copy, '%T %h %s'), '1 forebay-timestamp=0 0',
		    'the copy is of the next millisecond, and says so');
	};
}

done_testing();
