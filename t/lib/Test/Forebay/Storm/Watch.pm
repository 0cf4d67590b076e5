# SPDX-License-Identifier: Apache-2.0
#
# For how long did which partition stand still?  A process of its own reads
# the ledgers of all hosts, thirty times a second, and writes a line for each
# pause: "PARTITION FROM TO".
#
# A pause belongs to the last fault before it began.
package Test::Forebay::Storm::Watch;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

use Test::Forebay::Storm::Ledger;
use Test::Forebay::Util;

my $EVERY = 0.03;
my $SHORTEST = 0.1;		# what is shorter is the ordinary flow
my $SLACK = 0.5;		# what is in flight goes on for a moment

# ledgers: paths.  To be started before there is anything open that others
# wait for the end of.
sub new
{
	my ($class, @ledgers) = @_;
	my $self = bless { owner => $$, scratch => scratch() }, $class;

	$self->{file} = "$self->{scratch}/pauses";
	my $pid = fork // die "fork: $!\n";

	if (!$pid) {
		my $parent = getppid();
		my $stop = 0;

		$SIG{INT} = $SIG{TERM} = sub { $stop = 1 };
		# Somebody may wait for the end of these.
		POSIX::close($_) for 3 .. 255;
		eval {
			watch($self->{file}, \@ledgers,
			    sub { $stop || getppid() != $parent });
			1;
		} or print STDERR "watch: $@";
		POSIX::_exit(0);
	}
	$self->{pid} = $pid;
	return $self;
}

sub watch
{
	my ($file, $ledgers, $over) = @_;
	my (%acked, %since);

	open(my $out, '>', $file) or die "$file: $!\n";
	while (!$over->()) {
		my %best = %acked;
		my $now = time;

		for my $path (@$ledgers) {
			my $rows = Test::Forebay::Storm::Ledger::rows($path)
			    // next;

			for (keys %$rows) {
				my $acked = $rows->{$_}{acked};

				$best{$_} = $acked
				    if $acked > ($best{$_} // 0);
			}
		}
		for (keys %best) {
			next if $best{$_} == ($acked{$_} // 0);
			printf $out "%s %.3f %.3f\n", $_, $since{$_}, $now
			    if $since{$_} && $now - $since{$_} > $SHORTEST;
			$acked{$_} = $best{$_};
			$since{$_} = $now;
		}
		sleep $EVERY;
	}
	close($out) or die "$file: $!\n";
	return;
}

# Pauses until now: [ { partition, from, to } ]
sub stop
{
	my ($self) = @_;
	my @pauses;

	kill_pid(delete $self->{pid}, 'TERM') if $self->{pid};
	for (split /\n/, slurp($self->{file})) {
		my ($partition, $from, $to) = split / /;

		push @pauses, { partition => $partition, from => $from,
		    to => $to };
	}
	return @pauses;
}

# The longest pause after each fault, by its name: { name => [seconds] }.
# Faults are { name, time }, in order of time.
sub by_fault
{
	my ($faults, @pauses) = @_;
	my @longest = (0) x @$faults;
	my %by;

	for my $pause (@pauses) {
		my ($i) = grep { $faults->[$_]{time} <= $pause->{from} + $SLACK }
		    reverse 0 .. $#$faults;

		next unless defined $i;
		my $secs = $pause->{to} - $pause->{from};

		$longest[$i] = $secs if $secs > $longest[$i];
	}
	push @{$by{$faults->[$_]{name}}}, $longest[$_] for 0 .. $#$faults;
	return \%by;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	return unless $self->{owner} == $$;
	kill_pid(delete $self->{pid}) if $self->{pid};
	return;
}

1;
