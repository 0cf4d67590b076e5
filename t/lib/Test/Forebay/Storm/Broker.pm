# SPDX-License-Identifier: Apache-2.0
#
# The broker of a storm, its topics and its producers: methods of Storm.pm.
package Test::Forebay::Storm::Broker;

use strict;
use warnings;

use List::Util qw(sum0);
use Time::HiRes qw(time);

use Test::Forebay::Secured;
use Test::Forebay::Storm::Outside;
use Test::Forebay::Util;

my %PARTITIONS = (0 => 6, 1 => 4);
# Its controller shares the broker's process and its pauses.  If it throws the
# broker out for one of them, this may take minutes to heal.
my %SETTINGS = (
	'broker.session.timeout.ms' => 9000,
	'allow.everyone.if.no.acl.found' => 'true',
);
my $GROWS = 2;			# at most, of each topic

sub start_broker
{
	my ($self) = @_;
	my $b = secured_broker(%SETTINGS);

	$self->{broker} = $b;
	$self->{broker_state} = 'up';
	for my $i (sort keys %PARTITIONS) {
		$self->{topics}[$i] = $b->topic($PARTITIONS{$i});
		$self->{partitions}[$i] = $PARTITIONS{$i};
	}
	push @{$self->{topics}}, $self->{clock} =
	    Test::Forebay::Storm::Outside::clock_topic($b);
	push @{$self->{partitions}}, 1;
	$self->add_edge;
	$self->{copy} = $b->topic(6, output => 1, settings =>
	    ['message.timestamp.after.max.ms=9223372036854775807'])
	    if $self->{sink} eq 'kafka';
	return;
}

sub start_producers
{
	my ($self) = @_;
	my @steady = sort keys %PARTITIONS;

	$self->{share} = $self->{rate} / sum0(@{$self->{partitions}}[@steady]);
	for my $i (@steady) {
		$self->add_producer($i,
		    rate => int($self->{share} * $self->{partitions}[$i]));
	}
	$self->start_edge;
	for my $p (@{$self->{producers}}) {
		wait_until { $p->acked > 100 } 'records flow';
	}
	return;
}

# It waits for the broker for as long as that takes: what it gives up could
# not be told from what is lost.
sub add_producer
{
	my ($self, $i, %opt) = @_;

	push @{$self->{producers}}, $self->{broker}->producer(
	    $self->{topics}[$i], set => { 'message.timeout.ms' => 0,
		$self->{keep} ? (debug => 'eos') : () }, %opt);
	return;
}

sub look_at_producers
{
	my ($self) = @_;

	for my $p (grep { $_->{pid} } @{$self->{producers}}) {
		die 'a producer ended: ' . slurp("$p->{scratch}/err")
		    unless pid_alive($p->{pid});
	}
	return;
}

sub grow
{
	my ($self, $i) = @_;
	my $topic = $self->{topics}[$i];
	my $had = $self->{partitions}[$i];

	return 'it has grown enough' if $had >= $PARTITIONS{$i} + $GROWS;
	my ($status, undef, $err) = $self->{broker}->tool('topic', 'grow',
	    $topic, $had + 1);

	return "the broker is not in the mood: $err" if $status;
	$self->{partitions}[$i] = $had + 1;
	$self->add_producer($i, only => $had, rate => int($self->{share}));
	return;
}

sub kill_broker
{
	my ($self, $down) = @_;

	$self->{broker_state} = 'down';
	$self->{broker}->halt;
	$self->{log_read} = -s "$self->{broker}{dir}/log";
	$self->later($down, sub {
		$self->{broker}->start;
		push @{$self->{broker_loads}}, [time];
		$self->await_broker;
	});
	return;
}

sub pause_broker
{
	my ($self, $secs) = @_;

	$self->{broker_state} = 'paused';
	$self->{broker}->freeze;
	$self->later($secs, sub {
		$self->{broker}->thaw;
		$self->await_broker;
	});
	return;
}

# It is up when it knows leaders and committed offsets; a broker that was
# stopped has to be let in by its controller again, which may take longer than
# its start.
sub await_broker
{
	my ($self) = @_;

	$self->{broker_state} = 'coming';
	return $self->job('the broker comes back', [helper('kafkatool'), '-b',
	    $self->{broker}->bootstrap, 'offsets', $self->{group},
	    $self->{topics}[0]], sub {
		my ($status) = @_;

		return $self->revive_broker
		    if $status && $self->has_coordinator_failed;
		return $self->await_broker if $status;
		$self->{broker_state} = 'up';
		$_->[1] //= time for @{$self->{broker_loads}};
		$self->tell('the broker is back');
		return;
	}, within => 300);
}

# A broker that is thrown out by its own controller while it loads the groups
# may load them twice, and says then that they do not fit its log.  It serves no
# group any more until it is started again (seen with Kafka 4.3.1).
sub has_coordinator_failed
{
	my ($self) = @_;

	return substr(slurp("$self->{broker}{dir}/log"),
	    $self->{log_read} // 0) =~
	    /state machine of the coordinator \S+ is out of sync/;
}

sub revive_broker
{
	my ($self) = @_;

	$self->tell('the broker has lost its groups: it is started again');
	$self->{broker_state} = 'up';
	$self->apply({ name => 'kill-broker', host => 0,
	    args => { down => 1 } });
	return;
}

# From its start until a while after it first answered.
sub was_loading
{
	my ($self, $time) = @_;

	return scalar grep { $time >= $_->[0] &&
	    $time <= ($_->[1] // $time) + 2 } @{$self->{broker_loads} // []};
}

sub look_at_broker
{
	my ($self) = @_;
	my $b = $self->{broker};

	die 'Kafka ended: ' . substr(slurp("$b->{dir}/log"), -3000)
	    if $b->{pid} && !pid_alive($b->{pid});
	return;
}

1;
