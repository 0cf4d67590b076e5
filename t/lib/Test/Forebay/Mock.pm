# SPDX-License-Identifier: Apache-2.0
#
# librdkafka's mock cluster, in a process of its own (t/helper/mockkafka.c
# has its commands and limits).  Quick to start: one for each scenario.
package Test::Forebay::Mock;

use strict;
use warnings;

use parent 'Test::Forebay::Broker';

use IO::Handle;
use IO::Select;

use Test::Forebay::Util;

sub new
{
	my ($class, %opt) = @_;
	my $self = bless({ topics => [] }, $class)->init;
	my @cmd = (helper('mockkafka'), '-b', $opt{brokers} // 1);

	-x $cmd[0] or die "$cmd[0] is not built (make test-programs)\n";
	push @cmd, '-d', $opt{delay} if defined $opt{delay};
	pipe(my $child_in, my $in) or die "pipe: $!";
	pipe(my $out, my $child_out) or die "pipe: $!";
	$in->autoflush(1);
	# spawn() wants files for output; here a pipe is needed.
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		POSIX::dup2(fileno($child_in), 0);
		POSIX::dup2(fileno($child_out), 1);
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	close($child_in);
	close($child_out);
	@$self{qw(pid in out)} = ($pid, $in, $out);
	$self->{bootstrap} = $self->answer or die "mockkafka did not start\n";
	return $self;
}

sub bootstrap { return $_[0]{bootstrap} }
sub is_mock { return 1 }

sub answer
{
	my ($self) = @_;

	IO::Select->new($self->{out})->can_read(patience(10)) or return undef;
	my $line = readline($self->{out}) // return undef;

	chomp $line;
	return $line;
}

# Inject some trouble, for instance command('error 1 5 6').
sub command
{
	my ($self, $line) = @_;

	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } "$line\n";
	my $answer = $self->answer // 'nothing';

	$answer eq 'ok' or die "mockkafka: $line: $answer\n";
	return 1;
}

sub create_topic
{
	my ($self, $name, $partitions) = @_;

	return $self->command("topic $name:$partitions");
}

# Nobody can connect until resume().
sub halt { return $_[0]->command('down -1') }
sub resume { return $_[0]->command('up -1') }

sub DESTROY
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	local ($?, $@);
	close(delete $self->{in});
	kill_pid($pid) unless defined reap($pid, 5);
	return;
}

1;
