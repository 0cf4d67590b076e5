# SPDX-License-Identifier: Apache-2.0
#
# Scenarios that run on either broker.  A test file is a list of names:
#
#	use Test::Forebay::Scenarios;
#	use Test::Forebay::Delivery;
#	run_on(mock => qw(one_partition eight_partitions));
#
# Siblings of this file (Delivery, Hosts, Reload, Faults) register the bodies
# with `body`; each gets a function that gives it a broker.
package Test::Forebay::Scenarios;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Mock;
use Test::Forebay::Util;

our @EXPORT = qw(body run_on pass_through);

my (%bodies, @order);

# body name => 'sentence', sub { my ($broker) = @_; ... }
# Options after the block: own => 1, a broker that may be harmed;
# only => 'kafka' or 'mock'.
sub body
{
	my ($name, $sentence, $code, %opt) = @_;

	die "two scenarios are called $name\n" if $bodies{$name};
	$bodies{$name} = { sentence => $sentence, code => $code, %opt };
	push @order, $name;
	return;
}

sub broker_for
{
	my ($kind, $body) = @_;

	# A mock is cheap and keeps little, so nobody shares one.
	return Test::Forebay::Mock->new(brokers => $body->{brokers} // 1)
	    if $kind eq 'mock';
	return $body->{own} ? Test::Forebay::Kafka->private
	    : Test::Forebay::Kafka->shared;
}

# Run the named scenarios, or all in the order they were written.
sub run_on
{
	my ($kind, @names) = @_;

	Test::Forebay::Kafka->need if $kind eq 'kafka';
	@names = @order unless @names;
	for my $name (@names) {
		my $body = $bodies{$name} // die "no scenario $name\n";

		next if $body->{only} && $body->{only} ne $kind;
		scenario $body->{sentence} => sub {
			$body->{code}->(broker_for($kind, $body));
		};
	}
	done_testing();
	return;
}

# The plainest flow: produce, wait, drain, verify.  Options: topics (list),
# records (for each topic), produce (options), all others are for the daemon.
sub pass_through
{
	my ($b, %opt) = @_;
	my $topics = delete $opt{topics};
	my $records = delete $opt{records};
	my $produce = delete $opt{produce} // {};
	my $timeout = delete $opt{timeout} // 60;
	my $f = Test::Forebay->new(broker => $b, topic => $topics, %opt);

	$f->start;
	# The group has a name only now, and a mock forgets what nobody reads.
	for my $topic (@$topics) {
		$b->produce($topic, $records, $b->is_mock ?
		    (group => $f->{group}, ahead => 10_000) : (), %$produce);
	}
	$f->await_caught_up($timeout);
	$f->drain;
	$b->caught_up_ok($f->{group}, @$topics);
	$f->delivered_ok(produced => $records * @$topics);
	return $f;
}

1;
