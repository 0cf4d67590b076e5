# SPDX-License-Identifier: Apache-2.0
#
# Hosts under load, for the files that each break one thing:
#
#	my $load = Test::Forebay::Load->new($broker, hosts => 2);
#	my ($f, $g) = $load->hosts;
#
#	$load->breaks;				the watch begins
#	kill('KILL', $f->worker_pids);
#	$load->recovers('worker killed');	all partitions move; it ends
#	$load->verdict(repeated => 2000);
#
# Options: hosts (1), start (how many of them at once: all), partitions (8),
# rate (records per second, 2000), records (options of the producer), and all
# that Test::Forebay->new takes, for each host.  `each` is a list of hashes,
# one for each host, that go before.
package Test::Forebay::Load;

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Standstill;
use Test::Forebay::Util;

# What a worker may have in flight: the most that its death can repeat.
our $IN_FLIGHT = 1000;

sub new
{
	my ($class, $broker, %opt) = @_;
	my $n = delete $opt{hosts} // 1;
	my $partitions = delete $opt{partitions} // 8;
	my $each = delete $opt{each} // [];
	my $start = delete $opt{start} // $n;
	my $self = bless { broker => $broker, partitions => $partitions,
		rate => delete $opt{rate} // 2000,
		records => delete $opt{records} // {} }, $class;
	my $topic = $opt{topic} // $broker->topic($partitions);

	$self->{topic} = $topic;
	for my $i (0 .. $n - 1) {
		my %own = (%opt, %{$each->[$i] // {}});

		push @{$self->{hosts}}, Test::Forebay->new(broker => $broker,
		    topic => $topic, %own,
		    group => $own{group} // ($i ?
			$self->{hosts}[0]{group} : undef),
		    config => { %{$opt{config} // {}},
			%{($each->[$i] // {})->{config} // {}} },
		    host => { memory => { maxRecords => $IN_FLIGHT },
			%{$own{host} // {}} });
	}
	$_->start for @{$self->{hosts}}[0 .. $start - 1];
	$self->begin if $start;
	return $self;
}

sub hosts { return @{$_[0]{hosts}} }
sub topic { return $_[0]{topic} }
sub producer { return $_[0]{producer} }
sub group { return $_[0]{hosts}[0]{group} }

sub running { return grep { $_->{pid} } $_[0]->hosts }

# How many each host that runs holds: "3 3 2".
sub held
{
	my ($self) = @_;

	return join(' ', sort { $b <=> $a } map { $_->held } $self->running);
}

sub await_held
{
	my ($self, @shares) = @_;
	my $want = join(' ', sort { $b <=> $a } @shares);
	my $have;

	wait_until {
		$_->check_alive for $self->running;
		$have = $self->held;
		return $have eq $want;
	} "the hosts hold $want partitions", 60;
	return $self;
}

# Balanced over the hosts that run.
sub await_balance
{
	my ($self) = @_;
	my $n = $self->running;
	my $least = int($self->{partitions} / $n);
	my $more = $self->{partitions} % $n;

	return $self->await_held(($least + 1) x $more,
	    ($least) x ($n - $more));
}

sub begin
{
	my ($self) = @_;

	$self->await_balance;
	$self->produce;
	return $self;
}

sub produce
{
	my ($self, %opt) = @_;
	my $p = $self->{broker}->producer($self->{topic},
	    rate => $self->{rate}, %{$self->{records}}, %opt);

	$self->{producer} = $p;
	wait_until { $p->acked > $self->{rate} / 4 } 'records flow';
	return $p;
}

# Wait until all that was produced so far is committed, and count it.
sub settle
{
	my ($self, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	(delete $self->{producer})->close;
	wait_until {
		$_->check_alive for $self->running;
		return $self->{broker}->is_caught_up($self->group,
		    $self->{topic});
	} 'all that was produced is committed', $opt{timeout} // 60;
	delete $opt{timeout};
	return $self->delivered_ok(%opt);
}

# Acked offsets by partition: the furthest of all hosts.
sub acked
{
	my ($self) = @_;
	my %acked;

	for my $host ($self->running) {
		my $rows = $host->partitions;

		for my $key (keys %$rows) {
			my $acked = $rows->{$key}{acked} // -1;

			$acked{$key} = $acked
			    if $acked > ($acked{$key} // -2);
		}
	}
	return \%acked;
}

# As a test: every partition is held, and moves.
sub moves
{
	my ($self, $what, $timeout) = @_;
	my $before;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my $now = $self->acked;

		return 0 if keys %$now < $self->{partitions};
		$before //= $now;
		return !grep { $now->{$_} <= ($before->{$_} // -1) }
		    keys %$now;
	} $what, $timeout // 60;
}

sub breaks
{
	my ($self) = @_;

	$self->{watch} = Test::Forebay::Standstill->new($self->hosts);
	return;
}

sub recovers
{
	my ($self, $fault, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $fine = $self->moves("all partitions move on: $fault",
	    $opt{timeout});

	(delete $self->{watch})->note($fault);
	return $fine;
}

# The end of each: what was produced is committed, the hosts leave, and the
# verifier counts.  Options: those of delivered_ok, and timeout.
sub verdict
{
	my ($self, %opt) = @_;
	my $timeout = delete $opt{timeout} // 60;
	my $broker = $self->{broker};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->{producer}->close if $self->{producer};
	wait_until {
		$_->check_alive for $self->running;
		return $broker->is_caught_up($self->group, $self->{topic});
	} 'the group has committed the end of the log', $timeout;
	$_->drain for $self->running;
	$broker->caught_up_ok($self->group, $self->{topic});
	return $self->delivered_ok(%opt);
}

# The verifier's part of it alone; nothing may be under way.
sub delivered_ok
{
	my ($self, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $self->{broker}->delivered_ok(topic => $self->{topic},
	    logs => [map { $_->{out} } $self->hosts], %opt);
}

# Is there such a line in the log of that host?
sub says
{
	my ($self, $pattern, $what, $host) = @_;

	$host //= $self->{hosts}[0];
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon { $host->log_text =~ $pattern } $what;
}

1;
